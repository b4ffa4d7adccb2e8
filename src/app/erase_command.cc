#include "app/erase_command.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "app/certificate.h"
#include "app/keep_record.h"
#include "app/name_key.h"
#include "app/stop_signal.h"
#include "app/subcommands.h"
#include "base/pause.h"
#include "wire/json_object.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

constexpr std::chrono::milliseconds look_every{200};

struct Flags {
  std::string deliverer;
  std::string order;
  bool no_wait = false;

  Erasure::Kind kind() const { return deliverer.empty() ? Erasure::Kind::order : Erasure::Kind::deliverer; }
  const std::string& id() const { return deliverer.empty() ? order : deliverer; }
};

struct Told {
  std::string id;
  bool done = false;
};

Result<Told> read_told(const std::string& answer) {
  wire::JsonChecker checker;
  TRY(checker.check(answer));
  wire::JsonObject json(answer);
  Told told{.id = json.text("id"), .done = json.text("state") == "done"};
  if (!json.ok()) return fail(Code::unavailable, "the process that serves the folder does not tell how it stands");
  return told;
}

Result<std::string> ask_for_it(const Config& config, const Flags& flags, const std::stop_token& stop) {
  wire::JsonWriter body;
  body.begin_object().key(flags.deliverer.empty() ? "order_id" : "deliverer_id").text(flags.id()).end_object();
  TRY_LET(std::string answer, asked(config, Ask::post, "/v1/erasures", body.take()));
  TRY_LET(Told told, read_told(answer));
  while (!told.done && !flags.no_wait) {
    pause(look_every, stop);
    if (stop.stop_requested())
      return fail(Code::unavailable,
                  "stopped waiting: erasure " + told.id + " goes on in the process that serves the folder");
    TRY_LET(answer, asked(config, Ask::get, "/v1/erasures/" + told.id));
    TRY_LET(told, read_told(answer));
  }
  return certificate_lines(answer);
}

// While no process serves: the record is kept, which stops what comes under the name; the next start takes out what there is.
Result<std::string> keep_by_ourselves(const Config& config, const DataFolder& folder, const Flags& flags) {
  TRY_LET(const auto names, erased_names_of(config));
  TRY(need_name_key(config, *names));
  TRY_LET(const Position position, keep_record(config, folder,
                                               Erasure{.kind = flags.kind(),
                                                       .name = names->hash_of(flags.kind(), flags.id()),
                                                       .at = system_clock().now(),
                                                       .by = "console"}));
  return "asked      erasure " + to_string(position) +
         ": no process serves the folder, the next `waybill up` takes out what there is";
}

Result<std::string> erase(const Config& config, const Flags& flags) {
  if (flags.deliverer.empty() == flags.order.empty())
    return fail(Code::invalid, "expected one of --deliverer and --order");
  const StopAtSignal stop;
  TRY(look_into_data_folder(config.data, system_files()));  // before it is made
  const auto folder = open_own_folder(config.data, system_files());
  if (folder) return keep_by_ourselves(config, *folder, flags);
  if (folder.error().code == Code::conflict) return ask_for_it(config, flags, stop.token());
  return std::unexpected(folder.error());
}

}  // namespace

Run add_erase(CLI::App& command) {
  const auto config_flags = std::make_shared<ConfigFlags>(command);
  const auto flags = std::make_shared<Flags>();
  command.add_option("--deliverer", flags->deliverer, "the deliverer's id");
  command.add_option("--order", flags->order, "the order's id");
  command.add_flag("--no-wait", flags->no_wait, "do not wait until it is done");
  return [=] {
    const auto config = config_of(*config_flags);
    return config ? print(erase(*config, *flags)) : failed(config.error());
  };
}

}  // namespace waybill::app
