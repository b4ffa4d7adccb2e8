#include "app/lake_chore_commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <optional>

#include "app/lake_chores.h"
#include "app/lake_view.h"
#include "app/stop_signal.h"
#include "app/wiring.h"
#include "base/pause.h"
#include "ingest/subscribe.h"
#include "lake/books.h"
#include "transform/reconcile.h"
#include "wire/json_object.h"
#include "wire/json_out.h"
#include "wire/json_text.h"
#include "wire/time_text.h"

namespace waybill::app {
namespace {

using serve::LakeChore;
using What = serve::LakeChore::What;

constexpr std::chrono::milliseconds look_every{100};

// By a command that holds the folder.
Result<std::string> do_here(const Config& config, const DataFolder& folder, const LakeChore& chore,
                            const std::stop_token& stop) {
  if (!config.lake_enabled) return fail(Code::invalid, "lake.enabled is false: there is no lake");
  DataFolder role;  // nobody else writes the lake meanwhile
  if (!config.lake_write) {
    TRY_LET(role, open_role_folder(config.data, lake_role, system_files()));
  }
  const auto metrics = make_metrics();
  Health health;
  Clock& clock = system_clock();
  TRY_LET(const auto journal, open_journal_of(config, folder, *metrics));
  TRY_LET(const auto store, open_store_of(config, folder));
  TRY(ingest::check_agreement(*journal, *store));
  LakeView view(config, folder, *journal, clock, *metrics);
  LakeWriter lake(config, folder, *journal, clock, *metrics);
  TRY(lake.take_over());
  ingest::Keeper keeper(*journal, *store, system_files(), health, clock, *metrics,
                        {.trimmed_path = folder.trimmed(),
                         .journal_keep_bytes = config.journal_keep_mib << 20,
                         .store_folder = store_folder_of(config, folder),
                         .consumers = {view.consumer()}});
  return do_chore(config, chore, &lake, keeper, stop);
}

std::string body_of(const LakeChore& chore) {
  wire::JsonWriter body;
  body.begin_object().key("do").text(to_string(chore.what));
  if (chore.what == What::expire) body.key("older_than_hours").integer(chore.older_than.count());
  if (chore.what == What::purge) body.key("before").time(chore.before);
  body.end_object();
  return body.take();
}

struct Told {
  std::string state, said, error;
};

Result<Told> read_told(const Result<std::string>& answer) {
  if (!answer) return std::unexpected(answer.error());
  wire::JsonChecker checker;
  if (!checker.check(*answer)) return fail(Code::unavailable, "the process that serves the folder says: " + *answer);
  wire::JsonObject object(*answer);
  Told told{.state = object.text("state"), .said = {}, .error = {}};
  if (object.has("said")) told.said = object.text("said");
  if (object.has("error")) told.error = object.text("error");
  return told;
}

Result<std::string> ask_for(const Config& config, const LakeChore& chore, const std::stop_token& stop) {
  TRY_LET(Told told, read_told(asked(config, Ask::post, "/v1/lake", body_of(chore))));
  while (told.state == "running") {
    pause(look_every, stop);
    if (stop.stop_requested())
      return fail(Code::unavailable, "stopped waiting: it goes on in the process that serves the folder");
    TRY_LET(told, read_told(asked(config, Ask::get, "/v1/lake")));
  }
  if (told.state != "done") return fail(Code::unavailable, told.error);
  return told.said;
}

Result<std::string> run_chore(const Config& config, const LakeChore& chore) {
  const StopAtSignal stop;
  TRY(look_into_data_folder(config.data, system_files()));  // before it is made
  const auto folder = open_data_folder(config.data, system_files());
  if (folder) return do_here(config, *folder, chore, stop.token());
  if (folder.error().code == Code::conflict) return ask_for(config, chore, stop.token());
  return std::unexpected(folder.error());
}

struct PurgeFlags {
  std::string before;
  std::optional<int> keep_days;
};

Result<LakeChore> purge_of(const PurgeFlags& flags) {
  if (flags.before.empty() == !flags.keep_days)
    return fail(Code::invalid, "purge: needs --before DATE or --keep DAYS, one of them");
  if (flags.keep_days)
    return LakeChore{.what = What::purge, .before = system_clock().now() - std::chrono::days(*flags.keep_days)};
  const auto time = wire::parse_time(flags.before);
  if (!time)
    return fail(Code::invalid, "--before is '" + flags.before + "', expected a date or a time, as 2026-11-29 (UTC)");
  return LakeChore{.what = What::purge, .before = time->time};
}

unsigned long long shown(uint64_t number) { return number; }

// By the lake itself: no data folder is needed where lake.location says where it is.
Result<bool> verify_lake(const Config& config, ingest::Depth depth) {
  DataFolder folder{.path = config.data, .lock = nullptr};
  if (config.lake_location.empty()) {
    TRY_LET(folder, look_into_data_folder(config.data, system_files()));
  }
  TRY_LET(const auto objects, open_objects_to_read(config, folder));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  TRY_LET(lake::OwnBalance own, lake::own_balance(*catalog, *objects));
  if (depth == ingest::Depth::rows)
    for (ingest::Difference& difference : lake::reread(*catalog->now(), *objects))
      own.differences.push_back(std::move(difference));
  const transform::Reconciliation treated = transform::reconcile(*catalog->now());
  std::printf(
      "lake       version %llu: %llu files, %llu rows, %llu bytes%s; beside them %llu replaced or on their way\n",
      shown(own.version), shown(own.files), shown(own.rows), shown(own.bytes),
      depth == ingest::Depth::rows ? ", all read again" : "", shown(own.others));
  for (const ingest::Difference& difference : own.differences)
    std::printf("DIFFERS    offsets %llu … %llu: %s\n", shown(difference.from), shown(difference.to),
                difference.what.c_str());
  for (const std::string& difference : treated.differences) std::printf("DIFFERS    treated %s\n", difference.c_str());
  const bool balances = own.differences.empty() && treated.differences.empty();
  std::printf("%s\n", balances ? "the lake's books balance" : "THE LAKE'S BOOKS DO NOT BALANCE");
  return balances;
}

}  // namespace

void add_lake_chores(CLI::App& command, const std::shared_ptr<Run>& chosen) {
  constexpr int days_max = 36'500;
  below(
      command, "compact", "make the files of each hour that is over one, now", chosen, [](CLI::App&) {},
      [](const Config& config) { return print(run_chore(config, {.what = What::compact})); });
  auto older_than = std::make_shared<int>(0);
  below(
      command, "expire", "remove what was replaced, now", chosen,
      [older_than](CLI::App& sub) {
        constexpr int hours_max = 8760;
        sub.add_option("--older-than", *older_than, "hours: what was replaced later stays")
            ->check(CLI::Range(0, hours_max))
            ->capture_default_str();
      },
      [older_than](const Config& config) {
        return print(run_chore(config, {.what = What::expire, .older_than = std::chrono::hours(*older_than)}));
      });
  auto purge = std::make_shared<PurgeFlags>();
  below(
      command, "purge", "let the store go of what the lake has, once it was read again", chosen,
      [purge](CLI::App& sub) {
        sub.add_option("--before", purge->before, "a date: what came before it goes");
        sub.add_option("--keep", purge->keep_days, "days: what came before them goes")->check(CLI::Range(0, days_max));
      },
      [purge](const Config& config) {
        const auto chore = purge_of(*purge);
        return print(chore ? run_chore(config, *chore) : std::unexpected(chore.error()));
      });
  auto quick = std::make_shared<bool>(false);
  below(
      command, "verify", "do the lake's own books balance, and are its files as written? exits 1 when not", chosen,
      [quick](CLI::App& sub) { sub.add_flag("--quick", *quick, "read no file again, only look whether it is there"); },
      [quick](const Config& config) {
        const auto balances = verify_lake(config, *quick ? ingest::Depth::ledgers : ingest::Depth::rows);
        if (!balances) return failed(balances.error());
        return *balances ? 0 : 1;
      });
}

}  // namespace waybill::app
