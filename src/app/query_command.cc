#include "app/query_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>
#include <optional>

#include "app/answer_text.h"
#include "app/config_flags.h"
#include "app/lake_queries.h"
#include "app/stop_signal.h"
#include "app/wiring.h"

namespace waybill::app {
namespace {

constexpr size_t table_rows_usual = 1000;

struct QueryFlags {
  std::string sql;
  std::string format = "table";
  std::string out;
  std::optional<size_t> limit;
};

std::string text_of(const transform::Answer& answer, const std::string& format) {
  if (format == "csv") return csv_text(answer);
  if (format == "json") return json_text(answer) + '\n';
  return table_text(answer);
}

// Where questions are asked.
struct Place {
  const Config& config;
  const DataFolder& folder;
  lake::Copies& copies;
};

Result<void> answer_once(const Place& place, const QueryFlags& flags, const std::string& sql,
                         const std::stop_token& stop) {
  const size_t rows_usual = flags.format == "table" && flags.out.empty() ? table_rows_usual : SIZE_MAX;
  const LakeQuestion question{.sql = sql, .limits = {.rows_max = flags.limit.value_or(rows_usual), .stop = stop}};
  if (flags.format == "parquet") {
    TRY_LET(const std::string path, absolute_path(flags.out));
    if (system_files().info(path)) return fail(Code::conflict, flags.out + ": is there already");
    TRY_LET(const uint64_t rows, ask_lake_into(place.config, place.folder, place.copies, question, path));
    std::fprintf(stderr, "%llu rows into %s\n", static_cast<unsigned long long>(rows), flags.out.c_str());
    return {};
  }
  TRY_LET(const transform::Answer answer, ask_lake(place.config, place.folder, place.copies, question));
  const std::string text = text_of(answer, flags.format);
  if (!flags.out.empty()) return write_file_atomically(system_files(), flags.out, text);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  if (answer.cut && flags.format != "table") std::fprintf(stderr, "cut off after %zu rows\n", answer.rows.size());
  return {};
}

constexpr const char* prompt_help =
    "A statement ends with ';' and may have several lines. Each is asked of the newest version of the lake.\n"
    "  .tables         the tables\n"
    "  .schema TABLE   a table's columns\n"
    "  .help           this\n"
    "  .quit           leave; Ctrl-D too\n";

// The statement that a line with a dot stands for; nothing where there is no such one.
std::optional<std::string> statement_of(const std::string& line) {
  if (line == ".tables") return "SELECT schema || '.' || name AS \"table\" FROM (SHOW ALL TABLES) ORDER BY 1";
  constexpr std::string_view schema = ".schema ";
  if (line.starts_with(schema))
    return "SELECT column_name, column_type FROM (DESCRIBE " + line.substr(schema.size()) + ")";
  return std::nullopt;
}

// Ctrl-C ends it: nothing is lost by that.
int prompt(const Place& place, const QueryFlags& flags) {
  const auto answer = [&](const std::string& sql) {
    if (auto answered = answer_once(place, flags, sql, {}); !answered) failed(answered.error());
  };
  std::fputs("The lake of this data folder, in SQL. .help says more.\n", stderr);
  std::string statement;
  while (true) {
    std::fputs(statement.empty() ? "waybill> " : "    ...> ", stderr);
    std::string line;
    if (!std::getline(std::cin, line)) break;
    if (statement.empty() && line.starts_with('.')) {
      if (line == ".quit") return 0;
      if (const auto stands_for = statement_of(line))
        answer(*stands_for);
      else
        std::fputs(prompt_help, stderr);
      continue;
    }
    if (statement.empty() && line.find_first_not_of(" \t") == std::string::npos) continue;
    statement += line + '\n';
    const size_t last = statement.find_last_not_of(" \t\n");
    if (last == std::string::npos || statement[last] != ';') continue;
    answer(statement);
    statement.clear();
  }
  std::fputs("\n", stderr);
  return 0;
}

int run_query(const Config& config, QueryFlags flags) {
  const auto folder = look_into_data_folder(config.data, system_files());
  if (!folder) return failed(folder.error());
  if (flags.format == "parquet" && (flags.out.empty() || flags.limit))
    return failed(
        {Code::invalid, "--format parquet: needs --out FILE, and a LIMIT in the statement instead of --limit"});
  const auto copies = open_copies_of(config, *folder);
  if (!copies) return failed(copies.error());
  const Place place{.config = config, .folder = *folder, .copies = **copies};
  if (flags.sql.empty() && isatty(STDIN_FILENO) == 1) {
    if (flags.out.empty()) return prompt(place, flags);
    return failed({Code::invalid, "--out: needs a statement"});
  }
  const StopAtSignal stop;
  if (flags.sql.empty()) flags.sql.assign(std::istreambuf_iterator<char>(std::cin), {});
  return done(answer_once(place, flags, flags.sql, stop.token()));
}

}  // namespace

std::function<int()> add_query(CLI::App& command) {
  auto settings = std::make_shared<ConfigFlags>(command);
  auto flags = std::make_shared<QueryFlags>();
  command.add_option("sql", flags->sql,
                     "one SELECT; from standard input where it is not given, at a prompt on a terminal");
  command.add_option("--format", flags->format, "of the answer")
      ->check(CLI::IsMember({"table", "csv", "json", "parquet"}))
      ->capture_default_str();
  command.add_option("--out", flags->out, "a file that gets the answer");
  command.add_option("--limit", flags->limit, "rows; of a table 1000 where it is not given, else all");
  return [=] {
    const auto loaded = settings->load();
    return loaded ? run_query(loaded->config, *flags) : failed(loaded.error());
  };
}

}  // namespace waybill::app
