#include "app/lake_commands.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <map>

#include "app/lake_chore_commands.h"
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
  add_lake_chores(command, chosen);
  command.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace waybill::app
