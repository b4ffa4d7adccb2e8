#include "app/bench/command.h"

#include <CLI/CLI.hpp>

#include <memory>

#include "app/bench/bench.h"
#include "app/config_flags.h"
#include "app/stop_signal.h"

namespace waybill::app {

std::function<int()> add_bench(CLI::App& command) {
  const auto options = std::make_shared<bench::BenchOptions>();
  const auto json = std::make_shared<bool>(false);
  constexpr uint32_t seconds_max = 3'600;
  constexpr uint32_t connections_max = 10'000;
  command.add_option("--seconds", options->seconds, "of each row")
      ->capture_default_str()
      ->check(CLI::Range(1u, seconds_max));
  command.add_option("--only", options->only, "rows whose name holds this");
  command.add_option("--connections", options->connections, "of every row, instead of its own")
      ->check(CLI::Range(1u, connections_max));
  command.add_option("--folder", options->folder,
                     "where the temporary data folder is made, so which disk is measured; TMPDIR, else /var/tmp");
  command.add_option("--url", options->url,
                     "a waybill that runs already, http://HOST:PORT, instead of one of its own: it keeps what is sent");
  command.add_option("--token", options->bearer, "token for --url, where that server has keys")
      ->envname("WAYBILL_TOKEN");
  command.add_flag("--json", *json, "print it as JSON, at the end");
  return [options, json] {
    const StopAtSignal stop;
    if (*json) options->form = bench::BenchOptions::Form::json;
    const auto good = bench::run_bench(*options, system_clock(), stop.token());
    if (!good) return failed(good.error());
    return *good ? 0 : 1;
  };
}

}  // namespace waybill::app
