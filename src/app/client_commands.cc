#include "app/client_commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

#include "app/replay.h"
#include "app/simulate.h"
#include "app/stop_signal.h"

namespace waybill::app {
namespace {

struct SimulateText {
  SimulateOptions options;
  double rate = 0;
  uint64_t seed = 0;
  uint64_t orders = 0;
  std::string run_for;
  std::string api = "locations";
};

// Better in the environment: a command line is seen by everybody on the machine.
void add_token(CLI::App& command, std::string& into) {
  command.add_option("--token", into, "token to send with, where the server has keys")->envname("WAYBILL_TOKEN");
}
// CLI11's own says in its message up to where a double goes.
const CLI::Validator positive(
    [](std::string& text) {
      double value = 0;
      return CLI::detail::lexical_cast(text, value) && value > 0 ? std::string() : "'" + text + "' is not above 0";
    },
    "ABOVE 0");

void add_simulate_flags(CLI::App& command, SimulateText& text) {
  SimulateOptions& options = text.options;
  command.add_option("--url", options.url, "where waybill listens")->capture_default_str();
  add_token(command, options.bearer);
  command.add_option("--ca-file", options.trust.ca_file,
                     "PEM file of whom to trust for an https:// URL, instead of the system's authorities");
  command.add_option("-d", options.interval_s, "seconds between two locations of a courier")->capture_default_str();
  command.add_option("--spread", options.interval_spread_s, "seconds that -d varies, either way")
      ->capture_default_str();
  command.add_option("-l", options.locations_per_order, "locations of an order")
      ->capture_default_str()
      ->check(positive);
  command.add_option("-n", options.couriers, "couriers who drive at the same time")
      ->capture_default_str()
      ->check(positive);
  command.add_option("--streets", options.streets, "GeoJSON file of streets, .gz too; Porto's where it is not given");
  command.add_option("--rate", text.rate, "locations a second in all, instead of -d")->check(positive);
  command.add_option("--seed", text.seed, "the same seed drives the same ways");
  command.add_option("--orders", text.orders, "stop after so many orders")->check(positive);
  command.add_option("--for", text.run_for, "stop after a time: 90s, 5m, 1h30m");
  command.add_option("--api", text.api, "first: the first system's; locations")
      ->capture_default_str()
      ->check(CLI::IsMember({"first", "locations"}));
  command.add_option("--batch", options.batch, "most locations in one request")->capture_default_str();
  command.add_option("--connections", options.connections, "HTTP connections")->capture_default_str();
  command.add_option("--log", options.log, "file that gets every acknowledged location as NDJSON");
}

void add_fault_flags(CLI::App& command, Faults& faults) {
  const auto probability = [&](const char* flag, double& into, const char* help) {
    command.add_option(flag, into, help)->check(CLI::Range(0.0, 1.0))->group("Faults of phones");
  };
  probability("--repeats", faults.repeats, "part of the locations that are sent twice");
  probability("--disorder", faults.disorder, "part that is sent after the one that follows it");
  probability("--gaps", faults.gaps, "part at which a time without network begins");
  probability("--jumps", faults.jumps, "part that is 1 to 5 km off");
  command.add_option("--skew", faults.skew_s, "each phone's clock is wrong by up to so many seconds")
      ->group("Faults of phones");
}

Result<SimulateOptions> simulate_options(const CLI::App& command, const SimulateText& text) {
  SimulateOptions options = text.options;
  if (command.count("--rate") > 0) options.rate = text.rate;
  if (command.count("--seed") > 0) options.seed = text.seed;
  if (command.count("--orders") > 0) options.orders = text.orders;
  if (!text.run_for.empty()) {
    options.run_for = parse_duration(text.run_for);
    if (!options.run_for)
      return fail(Code::invalid, "--for is '" + text.run_for + "', expected a time such as 90s, 5m, 1h30m");
  }
  options.api = text.api == "first" ? Api::first : Api::locations;
  return options;
}

struct ReplayText {
  ReplayOptions options;
  std::string speed = "1";
  std::string columns;
  std::string form;
};

void add_replay_flags(CLI::App& command, ReplayText& text) {
  ReplayOptions& options = text.options;
  command.add_option("file", options.lines.path, "NDJSON, CSV or GPX, also .gz; - is standard input")->required();
  command.add_option("--speed", text.speed, "times real time, by the fix times: a number, or max")
      ->capture_default_str();
  command.add_option("--url", options.url, "where waybill listens")->capture_default_str();
  add_token(command, options.bearer);
  command.add_option("--ca-file", options.trust.ca_file,
                     "PEM file of whom to trust for an https:// URL, instead of the system's authorities");
  command.add_option("--format", text.form, "of the file; by its name where it is not given")
      ->check(CLI::IsMember({"ndjson", "csv", "gpx"}));
  command.add_option("--map", text.columns, "columns of a CSV file: latitude=lat,timestamp=time,…");
  command.add_option("--batch", options.batch, "locations in one request")->capture_default_str()->check(positive);
  command.add_option("--connections", options.connections, "HTTP connections; each deliverer stays on one")
      ->capture_default_str()
      ->check(positive);
  command.add_option("--progress", options.progress,
                     "file that remembers what was acknowledged; <file>.waybill-replay");
}

Result<ReplayOptions> replay_options(const ReplayText& text) {
  ReplayOptions options = text.options;
  const auto speed = parse_speed(text.speed);
  if (!speed) return fail(Code::invalid, "--speed is '" + text.speed + "', expected max or a number from 1 up");
  options.speed = *speed;
  if (!text.columns.empty()) {
    TRY_LET(options.lines.columns, parse_columns(text.columns));
  }
  if (text.form == "ndjson") options.lines.form = LinesForm::ndjson;
  if (text.form == "csv") options.lines.form = LinesForm::csv;
  if (text.form == "gpx") options.lines.form = LinesForm::gpx;
  return options;
}

int exit_code(const Result<void>& result) {
  if (result) return 0;
  std::fprintf(stderr, "waybill: %s\n", result.error().message.c_str());
  return 1;
}

}  // namespace

std::function<int()> add_simulate(CLI::App& command) {
  auto text = std::make_shared<SimulateText>();
  add_simulate_flags(command, *text);
  add_fault_flags(command, text->options.faults);
  return [text, &command] {
    const StopAtSignal stop;
    const auto options = simulate_options(command, *text);
    if (!options) return exit_code(std::unexpected(options.error()));
    return exit_code(run_simulate(*options, system_clock(), stop.token()));
  };
}

std::function<int()> add_replay(CLI::App& command) {
  auto text = std::make_shared<ReplayText>();
  add_replay_flags(command, *text);
  return [text] {
    const StopAtSignal stop;
    const auto options = replay_options(*text);
    if (!options) return exit_code(std::unexpected(options.error()));
    return exit_code(run_replay(*options, system_clock(), stop.token()));
  };
}

}  // namespace waybill::app
