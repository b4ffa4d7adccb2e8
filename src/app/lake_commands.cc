#include "app/lake_commands.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <map>

#include "app/access.h"
#include "app/lake_chore_commands.h"
#include "app/lake_import.h"
#include "app/lake_process.h"
#include "app/stop_signal.h"
#include "app/subcommands.h"
#include "app/wiring.h"
#include "lake/catalog.h"
#include "wire/time_text.h"

namespace waybill::app {
namespace {

// The lake as it is now.
struct Lake {
  std::unique_ptr<lake::Objects> objects;
  std::unique_ptr<lake::Catalog> catalog;
};

Result<Lake> look_into_lake(const Config& config) {
  DataFolder folder{.path = config.data, .lock = nullptr};
  if (config.lake_location.empty()) {  // else it is found without one
    TRY_LET(folder, look_into_data_folder(config.data, system_files()));
  }
  Lake found;
  TRY_LET(found.objects, open_objects_to_read(config, folder));
  TRY_LET(found.catalog, lake::open_catalog(*found.objects, system_clock()));
  return found;
}

unsigned long long shown(uint64_t number) { return number; }

Result<std::string> tables_of(const Config& config) {
  TRY_LET(const Lake found, look_into_lake(config));
  struct Sum {
    uint64_t files = 0, rows = 0, bytes = 0;
  };
  std::map<std::string, Sum> tables;
  for (const auto& [key, file] : found.catalog->now()->files) {
    Sum& sum = tables[file.table];
    ++sum.files;
    sum.rows += file.rows;
    sum.bytes += file.bytes;
  }
  constexpr size_t line_max = 200;
  std::array<char, line_max> line{};
  std::snprintf(line.data(), line.size(), "%-28s %8s %14s %16s\n", "table", "files", "rows", "bytes");
  std::string text = line.data();
  for (const auto& [table, sum] : tables) {
    std::snprintf(line.data(), line.size(), "%-28s %8llu %14llu %16llu\n", table.c_str(), shown(sum.files),
                  shown(sum.rows), shown(sum.bytes));
    text += line.data();
  }
  text.pop_back();  // print() ends the last line
  return text;
}

// One a line, as other tools name them.
Result<std::string> files_of(const Config& config, const std::string& table) {
  TRY_LET(const Lake found, look_into_lake(config));
  std::string text;
  for (const auto& [key, file] : found.catalog->now()->files)
    if (table.empty() || file.table == table) text += found.objects->url() + '/' + key + '\n';
  if (text.empty())
    return fail(Code::not_found, table.empty() ? "the lake has no files yet" : table + ": has no files");
  text.pop_back();
  return text;
}

Result<std::string> history_of(const Config& config, size_t lines) {
  TRY_LET(const Lake found, look_into_lake(config));
  TRY_LET(const std::vector<lake::Version> versions, found.catalog->history(lines));
  std::string text;
  for (const lake::Version& version : versions)
    text += std::to_string(version.number) + "  " + wire::format_time(version.made_at) + "  " + version.what + "  +" +
            std::to_string(version.files_added) + " -" + std::to_string(version.files_removed) + " files, " +
            std::to_string(version.rows_added) + " rows\n";
  if (!text.empty()) text.pop_back();
  return text;
}

// To the process that serves the data folder, as its administrator, where no other is named.
int import(const Config& config, ImportOptions options) {
  const StopAtSignal stop;
  if (options.url.empty()) {
    const auto url = serving_url(config.data);
    if (!url) return failed({url.error().code, url.error().message + ": start `waybill up`, or say --url"});
    constexpr std::chrono::hours token_life{24};
    const auto token = own_token(config, Role::admin, token_life);
    if (!token) return failed(token.error());
    options.url = *url;
    options.bearer = *token;
    options.trust = {.whom = Trust::Whom::anybody};
  }
  return done(run_import(options, system_clock(), stop.token()));
}

void add_import_flags(CLI::App& sub, ImportOptions& options) {
  sub.add_option("--from", options.from, "the folder: files of .jsonl, .ndjson or .json, .gz too, at any depth")
      ->required();
  sub.add_option("--url", options.url, "a waybill elsewhere; the one that serves --data where it is not given");
  sub.add_option("--token", options.bearer, "an administrator's token for --url, where that server has keys")
      ->envname("WAYBILL_TOKEN");
  sub.add_option("--ca-file", options.trust.ca_file,
                 "PEM file of whom to trust for an https:// URL, instead of the system's authorities");
  sub.add_option("--batch", options.batch, "locations in one request")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  sub.add_option("--progress", options.progress, "file that remembers how far it has come; <folder>.waybill-import");
}

}  // namespace

std::function<int()> add_lake(CLI::App& command) {
  auto chosen = std::make_shared<Run>();
  auto table = std::make_shared<std::string>();
  constexpr size_t lines_usual = 50;
  auto lines = std::make_shared<size_t>(lines_usual);
  below(
      command, "ls", "its tables, with their files, rows and bytes", chosen, [](CLI::App&) {},
      [](const Config& config) { return print(tables_of(config)); });
  below(
      command, "files", "the files that are current, for any tool that reads Parquet", chosen,
      [table](CLI::App& sub) { sub.add_option("table", *table, "of one table, as raw.deliverer_location"); },
      [table](const Config& config) { return print(files_of(config, *table)); });
  below(
      command, "history", "the newest versions of its catalog", chosen,
      [lines](CLI::App& sub) {
        sub.add_option("--lines", *lines, "how many, as far as lake.history_hours goes")->capture_default_str();
      },
      [lines](const Config& config) { return print(history_of(config, *lines)); });
  add_role(command, "write", "write the lake as a process of its own, beside waybill up with lake.write = false",
           chosen, write_lake);
  add_lake_chores(command, chosen);
  auto import_options = std::make_shared<ImportOptions>();
  below(
      command, "import", "the first system's locations, each with custody, through a running waybill", chosen,
      [import_options](CLI::App& sub) { add_import_flags(sub, *import_options); },
      [import_options](const Config& config) { return import(config, *import_options); });
  command.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace waybill::app
