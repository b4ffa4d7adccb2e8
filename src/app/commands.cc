#include "app/commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "app/access_commands.h"
#include "app/backup_commands.h"
#include "app/bench/command.h"
#include "app/client_commands.h"
#include "app/config_flags.h"
#include "app/doctor.h"
#include "app/erase_command.h"
#include "app/lake_commands.h"
#include "app/phone_command.h"
#include "app/platform.h"
#include "app/query_command.h"
#include "app/relay_process.h"
#include "app/source_commands.h"
#include "app/status.h"
#include "app/stop_signal.h"
#include "app/transform_commands.h"
#include "app/upgrade.h"
#include "app/verify.h"
#include "app/version.h"
#include "app/webhook_commands.h"

namespace waybill::app {
namespace {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;

using Run = std::function<int()>;

int run_serving(const ConfigFlags& flags, Demo demo, Follow follow = Follow::no) {
  ReloadRequests requests;
  const StopAtSignal stop([&requests] { requests.ask(); });
  const auto loaded = flags.load();
  if (!loaded) return failed(loaded.error());
  if (!loaded->config.log_file.empty())
    if (auto opened = log::to_file(loaded->config.log_file); !opened) return failed(opened.error());
  const auto read_config = [&flags]() -> Result<Config> {
    TRY_LET(LoadedConfig again, flags.read());
    return std::move(again.config);
  };
  const Result<void> ran = run_platform({.config = loaded->config,
                                         .demo = demo,
                                         .follow = follow,
                                         .reload = {.requests = requests, .read_config = read_config}},
                                        stop.token());
  // Standard error as well: it is where who started us looks first.
  if (!ran && !loaded->config.log_file.empty()) log::error("ended", {{"why", ran.error().message}});
  return done(ran);
}

Run add_up(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto demo = std::make_shared<bool>(false);
  command.add_flag("--demo", *demo, "let 50 simulated couriers drive on Porto's streets through the HTTP API");
  return [=] { return run_serving(*flags, *demo ? Demo::yes : Demo::no); };
}

Run add_api(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  return [=] { return run_serving(*flags, Demo::no); };
}

Run add_subscribe(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto copy = std::make_shared<bool>(false);
  command.add_flag("--copy", *copy,
                   "the data folder is a copy of the one that is to be followed: it becomes a follower's");
  return [=] { return run_serving(*flags, Demo::no, *copy ? Follow::from_copy : Follow::yes); };
}

Run add_relay(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto role = std::make_shared<RoleFlags>();
  add_role_flags(command, *role);
  return [=] {
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    return run_role(relay_journal, loaded->config, *role);
  };
}

Run add_verify(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto deep = std::make_shared<bool>(false);
  command.add_flag("--deep", *deep, "also read every row of the store again");
  return [=] {
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    const auto balances = run_verify(loaded->config, *deep ? ingest::Depth::rows : ingest::Depth::ledgers);
    if (!balances) return failed(balances.error());
    return *balances ? exit_done : exit_failed;
  };
}

Run add_status(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto options = std::make_shared<StatusOptions>();
  auto once = std::make_shared<bool>(false);
  auto json = std::make_shared<bool>(false);
  command.add_option("--url", options->url, "a waybill elsewhere; the one that serves --data where it is not given");
  command.add_option("--token", options->bearer, "token for --url, where that server has keys")
      ->envname("WAYBILL_TOKEN");
  command.add_option("--ca-file", options->trust.ca_file,
                     "PEM file of whom to trust for an https:// URL, instead of the system's authorities");
  command.add_flag("--once", *once, "print it once, also on a terminal");
  command.add_flag("--json", *json, "print it once, as JSON");
  return [=] {
    const StopAtSignal stop;
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    options->config = loaded->config;
    options->form = *json ? Form::json : Form::text;
    options->watch = *once ? Watch::once : watch_of_standard_output(options->form);
    const auto ready = run_status(*options, system_clock(), stop.token());
    if (!ready) return failed(ready.error());
    return *ready ? exit_done : exit_failed;
  };
}

Run add_doctor(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  return [=] { return run_doctor(flags->load(), system_clock()) ? exit_done : exit_failed; };
}

Run add_upgrade(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  return [=] {
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    return done(run_upgrade(loaded->config));
  };
}

Run add_backup(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto options = std::make_shared<BackupOptions>();
  command.add_option("to", options->to, "folder of the backup, on another disk; made where missing")->required();
  command.add_option("--keep", options->keep, "generations that are kept, this one included")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  return [=] {
    const StopAtSignal stop;
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    return done(run_backup(loaded->config, *options, stop.token()));
  };
}

Run add_restore(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  auto from = std::make_shared<std::string>();
  auto generation = std::make_shared<std::optional<uint64_t>>();
  command.add_option("from", *from, "folder of the backup")->required();
  command.add_option("--generation", *generation, "which one; the newest where it is not given");
  return [=] {
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    return done(run_restore(loaded->config, *from, *generation));
  };
}

Run add_config(CLI::App& command) {
  auto flags = std::make_shared<ConfigFlags>(command);
  return [=] {
    const auto loaded = flags->load();
    if (!loaded) return failed(loaded.error());
    std::fputs(show_config(*loaded).c_str(), stdout);
    return exit_done;
  };
}

Run add_version(CLI::App&) {
  return [] {
    std::fputs(version_report().c_str(), stdout);
    return exit_done;
  };
}

struct Command {
  const char* name;
  const char* help;
  Run (*add)(CLI::App&);
};

constexpr Command commands[] = {
    {"up", "the whole platform in one process", add_up},
    {"api", "the HTTP API with its journal and store", add_api},
    {"relay", "hands the journal on to a broker, as a process of its own beside waybill up with relay.enabled = false",
     add_relay},
    {"subscribe", "another platform's journal from a broker, with a store, a lake and an API of its own to read from",
     add_subscribe},
    {"simulate", "couriers that drive on streets and send where they are", add_simulate},
    {"replay", "send the locations of a file: NDJSON, CSV, GPX, also .gz", add_replay},
    {"verify", "do the books of a data folder balance? exits 1 when they do not", add_verify},
    {"transform", "the treated and final tables of the lake: run, test, schedule, backfill, docs, lineage",
     add_transform},
    {"lake",
     "what the lake holds, and what can be done to it: ls, files, history, compact, expire, verify, purge, import",
     add_lake},
    {"source", "other sources into the lake: add, run, list, remove", add_source},
    {"query", "SQL over the lake: once, or at a prompt", add_query},
    {"status", "how the running platform is, live; exits 1 when it is not ready", add_status},
    {"doctor", "looks at disk, clock, limits, port, folder and settings, and says what to do", add_doctor},
    {"bench", "what this machine does: the project's measurements, in two minutes", add_bench},
    {"token", "who may come in: make keys, issue, list and revoke tokens", add_token},
    {"user", "who may log in to the pages with a password", add_user},
    {"link", "a customer's link to one order", add_link},
    {"phone", "a courier's phone: add makes its token, and a link and a QR code for each app", add_phone},
    {"webhook", "who is told what happens: add, list, log, replay, test, secret, remove", add_webhook},
    {"backup", "one more generation of a data folder in a backup folder, also while it is served", add_backup},
    {"restore", "a generation of a backup as a new data folder", add_restore},
    {"erase", "take a deliverer's or an order's data out of everything, for good; prints the certificate", add_erase},
    {"upgrade", "bring a data folder of an older format to this one's", add_upgrade},
    {"config", "the effective settings and where each comes from", add_config},
    {"version", "the version and the formats that it knows", add_version},
};

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("Waybill carries every courier's location, once and provably, from the phone to the analyst's table.",
               "waybill");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version()));
  Run chosen;
  for (const Command& command : commands) {
    CLI::App* added = app.add_subcommand(command.name, command.help);
    const Run run = command.add(*added);
    added->callback([&chosen, run] { chosen = run; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int exit_usage = 2;
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  return chosen();
}

}  // namespace waybill::app
