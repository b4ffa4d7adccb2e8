#include "app/source_commands.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>

#include "app/simulate.h"
#include "app/source_pages.h"
#include "app/sources.h"
#include "app/stop_signal.h"
#include "app/subcommands.h"
#include "app/wiring.h"
#include "transform/source_types.h"

namespace waybill::app {
namespace {

struct Flags {
  SourceDefinition definition;
  std::string name;
  std::string files;
  std::string url;
  std::string postgres;
  std::string form;
  std::vector<std::string> types;
  std::string every;
  bool with_rows = false;
};

unsigned long long shown(uint64_t number) { return number; }

// Definitions can be made before anything was ever served.
Result<DataFolder> folder_of(const Config& config) {
  auto folder = look_into_data_folder(config.data, system_files());
  if (!folder && folder.error().code == Code::not_found) return open_data_folder(config.data, system_files());
  return folder;
}

Result<transform::Contract> types_of(const std::vector<std::string>& texts) {
  transform::Contract types;
  for (const std::string& text : texts) {
    const size_t equals = text.rfind('=');
    const std::string type = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (equals == 0 || std::ranges::find(transform::inferred_types, type) == transform::inferred_types.end())
      return fail(Code::invalid, "--type is '" + text +
                                     "', expected COLUMN=TYPE, of BOOLEAN BIGINT DOUBLE DATE TIMESTAMP VARCHAR JSON");
    types.push_back({.name = text.substr(0, equals), .type = type});
  }
  return types;
}

Result<void> take_place(const Flags& flags, SourceDefinition& into) {
  const auto given = [](const std::string& text) { return text.empty() ? 0 : 1; };
  if (given(flags.files) + given(flags.url) + given(flags.postgres) != 1)
    return fail(Code::invalid, "expected one of --files, --url and --postgres");
  const bool pages =
      !into.items.empty() || !into.next.empty() || !into.cursor.empty() || !into.page.empty() || !into.header.empty();
  const bool secret = !into.secret_variable.empty() || !into.secret_file.empty() || !into.ca_file.empty();
  const bool rows = !into.relation.empty() || !into.growing.empty();
  if (!flags.files.empty()) {
    if (pages || secret || rows) return fail(Code::invalid, "--files: goes with --format, --type and --every only");
    into.kind = SourceKind::files;
    TRY_LET(into.where, absolute_path(flags.files));
  } else if (!flags.url.empty()) {
    if (rows || into.form) return fail(Code::invalid, "--url: does not go with --format, --relation and --growing");
    if (!into.page.empty() && (!into.next.empty() || !into.cursor.empty()))
      return fail(Code::invalid, "--page: does not go with --next and --cursor");
    if (!into.cursor.empty() && into.next.empty()) return fail(Code::invalid, "--cursor: needs --next");
    TRY(check_source_url(flags.url));
    into.kind = SourceKind::http;
    into.where = flags.url;
  } else {
    if (pages || into.form || !into.types.empty())
      return fail(Code::invalid,
                  "--postgres: goes with --relation, --growing, --secret-variable, --secret-file, --ca-file and "
                  "--every only");
    if (into.relation.empty()) return fail(Code::invalid, "--postgres: needs --relation, the table that is read");
    if (!flags.postgres.starts_with("postgresql://") && !flags.postgres.starts_with("postgres://"))
      return fail(Code::invalid, "--postgres: expected a URI, as postgresql://user@db.example/shop");
    into.kind = SourceKind::postgres;
    into.where = flags.postgres;
  }
  if (!into.secret_variable.empty() && !into.secret_file.empty())
    return fail(Code::invalid, "expected one of --secret-variable and --secret-file");
  return {};
}

Result<SourceDefinition> definition_of(const Flags& flags) {
  SourceDefinition definition = flags.definition;
  const auto table = transform::parse_source_table(flags.name);
  if (!table)
    return fail(Code::invalid,
                "'" + flags.name + "': expected SOURCE.TABLE of lower-case letters, digits and _, as shop.orders");
  definition.table = *table;
  for (const auto form : {transform::SourceForm::csv, transform::SourceForm::json, transform::SourceForm::ndjson,
                          transform::SourceForm::parquet})
    if (to_string(form) == flags.form) definition.form = form;
  TRY_LET(definition.types, types_of(flags.types));
  if (!flags.every.empty()) {
    const auto every = parse_duration(flags.every);
    if (!every || *every < std::chrono::seconds(1))
      return fail(Code::invalid, "--every is '" + flags.every + "', expected a time such as 90s, 5m, 1h30m");
    definition.every = std::chrono::duration_cast<std::chrono::seconds>(*every);
  }
  if (!definition.secret_file.empty()) {
    TRY_LET(definition.secret_file, absolute_path(definition.secret_file));
  }
  if (!definition.ca_file.empty()) {
    TRY_LET(definition.ca_file, absolute_path(definition.ca_file));
  }
  TRY(take_place(flags, definition));
  return definition;
}

Result<std::string> add(const Config& config, const Flags& flags) {
  TRY_LET(const SourceDefinition definition, definition_of(flags));
  TRY_LET(const DataFolder folder, folder_of(config));
  TRY(add_definition(folder, definition));
  return definition.table.text() + " is added: `waybill source run " + definition.table.text() +
         "` brings its rows, as " + definition.table.name();
}

void say(const SourceDefinition& definition, const transform::SourceRun& ran) {
  for (const std::string& refused : ran.refused) std::fprintf(stderr, "quarantined: %s\n", refused.c_str());
  std::printf("%-28s %6llu inputs read %6llu unchanged %12llu rows %8llu quarantined\n",
              definition.table.text().c_str(), shown(ran.inputs), shown(ran.unchanged), shown(ran.rows),
              shown(ran.quarantined));
  std::fflush(stdout);
}

// One that fails keeps no other from being run.
int run(const Config& config, const Flags& flags) {
  const StopAtSignal stop;
  const auto folder = look_into_data_folder(config.data, system_files());
  if (!folder) return failed(folder.error());
  const auto definitions = definitions_named(*folder, flags.name);
  if (!definitions) return failed(definitions.error());
  int code = 0;
  for (const SourceDefinition& definition : *definitions) {
    if (stop.token().stop_requested()) return 1;
    if (const auto ran = run_source_of(config, *folder, definition, 0, stop.token()))
      say(definition, *ran);
    else
      code = failed(ran.error());
  }
  return code;
}

// Its rows in the lake, and those of its quarantine; zero where there is no lake yet.
Result<std::pair<uint64_t, uint64_t>> rows_of(const lake::Snapshot& lake, const SourceDefinition& definition) {
  std::pair<uint64_t, uint64_t> rows;
  for (const lake::DataFile* file : lake.of_table(definition.table.name())) rows.first += file->rows;
  for (const lake::DataFile* file : lake.of_table(definition.table.quarantine_name())) rows.second += file->rows;
  return rows;
}

Result<std::string> list(const Config& config) {
  TRY_LET(const DataFolder folder, look_into_data_folder(config.data, system_files()));
  TRY_LET(const auto definitions, definitions_of(folder));
  TRY_LET(const auto objects, open_objects_of(config, folder, {}));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  constexpr size_t line_max = 512;
  std::array<char, line_max> line{};
  const auto add = [&](const char* name, const char* table, const char* kind, const std::string& every,
                       const std::string& rows, const std::string& quarantined, const std::string& where) {
    std::snprintf(line.data(), line.size(), "%-24s %-32s %-8s %8s %12s %12s  ", name, table, kind, every.c_str(),
                  rows.c_str(), quarantined.c_str());
    return line.data() + where;
  };
  std::string text = add("source", "table", "kind", "every", "rows", "quarantined", "where");
  for (const SourceDefinition& one : definitions) {
    TRY_LET(const auto rows, rows_of(*catalog->now(), one));
    const std::string every = one.every.count() == 0 ? "-" : std::to_string(one.every.count()) + "s";
    text += '\n' + add(one.table.text().c_str(), one.table.name().c_str(), std::string(to_string(one.kind)).c_str(),
                       every, std::to_string(rows.first), std::to_string(rows.second), one.where);
  }
  return text;
}

Result<std::string> remove(const Config& config, const Flags& flags) {
  TRY_LET(const DataFolder folder, look_into_data_folder(config.data, system_files()));
  const auto table = transform::parse_source_table(flags.name);
  if (!table) return fail(Code::invalid, "'" + flags.name + "': expected SOURCE.TABLE, as shop.orders");
  const auto removed = remove_definition(folder, *table);
  if (!removed && removed.error().code == Code::not_found) {
    if (!flags.with_rows) return fail(Code::not_found, flags.name + ": no such source");
  } else if (!removed) {
    return std::unexpected(removed.error());
  }
  if (!flags.with_rows) return flags.name + " is read no more; its rows stay";
  TRY_LET(const auto objects, open_objects_beside(config, folder, {}));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  TRY_LET(const uint64_t files, transform::forget_source(*catalog, *table));
  return flags.name + " is read no more; " + std::to_string(files) + " files of its rows are let go";
}

void add_flags(CLI::App& add, Flags& flags) {
  SourceDefinition& definition = flags.definition;
  add.add_option("name", flags.name, "SOURCE.TABLE, as shop.orders: it becomes external.shop_orders")->required();
  add.add_option("--files", flags.files, "CSV, JSON, NDJSON or Parquet, .gz and .zst too: a path, * ? [ ] in it");
  add.add_option("--format", flags.form, "of the files; by their names where it is not given")
      ->check(CLI::IsMember({"csv", "json", "ndjson", "parquet"}));
  add.add_option("--type", flags.types, "COLUMN=TYPE, where it is not to be seen from the values; may come again");
  add.add_option("--every", flags.every, "how often `waybill up` runs it: 90s, 5m, 1h30m; without it by command only");
  add.add_option("--secret-variable", definition.secret_variable,
                 "variable of the environment that has the token or the password");
  add.add_option("--secret-file", definition.secret_file, "file that has it, for its owner's eyes only (0600)");
  add.add_option("--ca-file", definition.ca_file, "PEM file of whom to trust, instead of the system's authorities");
  const char* http = "HTTP";
  add.add_option("--url", flags.url, "an API that answers JSON")->group(http);
  add.add_option("--items", definition.items, "JSON pointer to a page's array; the page itself without it")
      ->group(http);
  add.add_option("--next", definition.next, "JSON pointer to the next page's URL; the Link header without it")
      ->group(http);
  add.add_option("--cursor", definition.cursor, "parameter that takes what --next points to, where that is no URL")
      ->group(http);
  add.add_option("--page", definition.page, "parameter that counts pages, 1, 2, 3, up to an empty one")->group(http);
  add.add_option("--header", definition.header, "that takes the token; Authorization: Bearer without it")->group(http);
  const char* database = "PostgreSQL";
  add.add_option("--postgres", flags.postgres, "postgresql://USER@HOST:PORT/DATABASE")->group(database);
  add.add_option("--relation", definition.relation, "the table or view, as orders or public.orders")->group(database);
  add.add_option("--growing", definition.growing,
                 "a column whose values only grow: a run reads what is above the last; all rows without it")
      ->group(database);
}

}  // namespace

std::function<int()> add_source(CLI::App& command) {
  auto chosen = std::make_shared<Run>();
  auto flags = std::make_shared<Flags>();
  below(
      command, "add", "name a source and say where it is", chosen, [flags](CLI::App& sub) { add_flags(sub, *flags); },
      [flags](const Config& config) { return print(add(config, *flags)); });
  below(
      command, "run", "take what is new of it into the lake", chosen,
      [flags](CLI::App& sub) {
        sub.add_option("name", flags->name, "SOURCE.TABLE, or SOURCE for all of its tables; every source without it");
      },
      [flags](const Config& config) { return run(config, *flags); });
  below(
      command, "list", "every source, where it is, and its rows in the lake", chosen, [](CLI::App&) {},
      [](const Config& config) { return print(list(config)); });
  below(
      command, "remove", "read it no more", chosen,
      [flags](CLI::App& sub) {
        sub.add_option("name", flags->name, "SOURCE.TABLE")->required();
        sub.add_flag("--rows", flags->with_rows, "let go of its rows as well");
      },
      [flags](const Config& config) { return print(remove(config, *flags)); });
  command.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace waybill::app
