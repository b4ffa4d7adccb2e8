#include "transform/source_staging.h"

#include <algorithm>

#include "transform/source_table.h"
#include "transform/sql_text.h"
#include "wire/tables_in.h"

namespace waybill::transform {
namespace {

// The file of exactly this name, where the engine would look for those that a pattern means.
std::string file_sql(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[')
      pattern.append("[").append(1, c).append("]");
    else
      pattern += c;
  }
  return sql_literal(pattern);
}

// A line is a row of one text: no byte that stands in a JSON text ends a field.
std::string lines_of(const std::string& path) {
  return "read_csv(" + file_sql(path) +
         ", columns = {'raw': 'VARCHAR'}, auto_detect = false, header = false, delim = '\\x01', quote = '', escape = ''"
         ", nullstr = '', strict_mode = false, max_line_size = " +
         std::to_string(source_line_bytes_max);
}

// The engine's words for a file that it cannot read are about the file, whatever their kind is.
Error about(const SourceInput& input, Error error) {
  if (error.code == Code::overloaded) return error;
  return {Code::invalid, "is not read as " + std::string(to_string(input.form)) + ": " + error.message};
}

class Stager {
 public:
  Stager(Engine& engine, const SourceInput& input, const Limits& limits)
      : engine_(engine), input_(input), limits_(limits) {}

  Result<Staged> stage() {
    staged_.form = input_.form;
    TRY(by_form());
    return checked();
  }

 private:
  Result<void> by_form() {
    switch (input_.form) {
      case SourceForm::csv: return csv();
      case SourceForm::json: return json();
      case SourceForm::ndjson: return ndjson();
      case SourceForm::parquet: return parquet();
    }
    return {};
  }

  Result<void> run(const std::string& statements) {
    if (auto ran = engine_.run(statements, limits_); !ran) return std::unexpected(about(input_, ran.error()));
    return {};
  }
  Result<Answer> ask(const std::string& question) {
    auto answer = engine_.query(question, limits_);
    if (!answer) return std::unexpected(about(input_, answer.error()));
    return answer;
  }
  Result<void> load(const std::string& select) {
    staged_.rows = "incoming";
    return run("DROP TABLE IF EXISTS rejects; DROP TABLE IF EXISTS reject_scans; CREATE OR REPLACE TABLE incoming AS " +
               select);
  }
  void take_rejects() {
    staged_.rejects =
        "SELECT string_agg(DISTINCT error_message, '; ') AS reason, csv_line AS raw FROM rejects GROUP BY line, "
        "csv_line";
  }

  Result<void> csv() {
    TRY_LET(const Answer first, ask("SELECT raw FROM " + lines_of(input_.path) + ") LIMIT 1"));
    if (first.rows.empty()) return fail(Code::invalid, "is empty: a line of names was expected");
    TRY_LET(const wire::Csv head, wire::parse_csv(first.rows[0][0].value_or("")));
    std::string columns;
    std::string raw;
    for (const std::string& name : head.header) {
      staged_.columns.push_back({.name = name, .type = ""});
      columns += (columns.empty() ? "" : ", ") + sql_literal(name) + ": 'VARCHAR'";
      raw += (raw.empty() ? "" : ", ") + sql_literal(name) + ", " + sql_identifier(name);
    }
    TRY(check_names());
    TRY(load("SELECT * FROM read_csv(" + file_sql(input_.path) + ", columns = {" + columns +
             "}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', nullstr = ''"
             ", allow_quoted_nulls = false, strict_mode = true, max_line_size = " +
             std::to_string(source_line_bytes_max) +
             ", store_rejects = true, rejects_table = 'rejects', rejects_scan = 'reject_scans')"));
    staged_.raw = "CAST(json_object(" + raw + ") AS VARCHAR)";
    staged_.wrong_row = "CAST(NULL AS VARCHAR)";
    take_rejects();
    return {};
  }

  Result<void> ndjson() {
    TRY(load("SELECT raw FROM " + lines_of(input_.path) +
             ", store_rejects = true, rejects_table = 'rejects', rejects_scan = 'reject_scans')"
             " WHERE trim(raw, E' \\t\\r') <> ''"));
    take_rejects();
    return json_rows();
  }

  Result<void> json() {
    TRY(load("SELECT CAST(json AS VARCHAR) AS raw FROM read_json_objects(" + file_sql(input_.path) +
             ", format = 'auto', maximum_object_size = " + std::to_string(source_line_bytes_max) + ")"));
    return json_rows();
  }

  Result<void> json_rows() {
    staged_.raw = "raw";
    staged_.wrong_row =
        "CASE WHEN NOT json_valid(raw) THEN 'is not JSON' WHEN json_type(raw) <> 'OBJECT' THEN 'is not a JSON object' "
        "END";
    // What is no object has no members, and is asked for none.
    TRY(run("ALTER TABLE incoming ADD COLUMN object JSON; UPDATE incoming SET object = raw WHERE " + staged_.wrong_row +
            " IS NULL"));
    TRY_LET(const Answer names,
            ask("SELECT name FROM (SELECT row, unnest(keys) AS name, unnest(range(len(keys))) AS place FROM (SELECT "
                "row_number() OVER () AS row, json_keys(object) AS keys FROM incoming)) GROUP BY name "
                "ORDER BY min([row, place])"));
    for (const auto& row : names.rows) staged_.columns.push_back({.name = row[0].value_or(""), .type = ""});
    return {};
  }

  Result<void> parquet() {
    staged_.rows = "read_parquet(" + file_sql(input_.path) + ", hive_partitioning = false)";
    TRY_LET(const Answer columns,
            ask("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + staged_.rows + ")"));
    for (const auto& row : columns.rows)
      staged_.columns.push_back({.name = row.at(0).value_or(""), .type = row.at(1).value_or("")});
    // The statistics of the footer do not show a page that is damaged: all of it is read.
    std::string all;
    for (const Column& column : staged_.columns) all += ", count(" + sql_identifier(column.name) + ")";
    TRY(ask("SELECT count(*)" + all + " FROM " + staged_.rows));
    return {};
  }

  Result<void> check_names() const {
    if (staged_.columns.size() > source_columns_max)
      return fail(Code::invalid, "has " + std::to_string(staged_.columns.size()) + " columns, expected at most " +
                                     std::to_string(source_columns_max));
    Contract before;
    for (const Column& column : staged_.columns) {
      if (column.name.empty()) return fail(Code::invalid, "has a column without a name");
      if (find_column(before, column.name) != nullptr)
        return fail(Code::invalid, "has two columns " + column.name + ", in whatever case");
      before.push_back(column);
    }
    return {};
  }

  Result<Staged> checked() {
    TRY(check_names());
    return std::move(staged_);
  }

  Engine& engine_;
  const SourceInput& input_;
  const Limits& limits_;
  Staged staged_;
};

// As a JSON pointer says it.
std::string pointer_to(const std::string& member) {
  std::string pointer = "/";
  for (const char c : member) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
  return pointer;
}

}  // namespace

std::string_view to_string(SourceForm form) {
  switch (form) {
    case SourceForm::csv: return "csv";
    case SourceForm::json: return "json";
    case SourceForm::ndjson: return "ndjson";
    case SourceForm::parquet: return "parquet";
  }
  return "";
}

ValueSql Staged::value(const std::string& column) const {
  if (form == SourceForm::csv) return {.text = sql_identifier(column)};
  const std::string place = "(object, " + sql_literal(pointer_to(column)) + ")";
  return {.text = "json_extract_string" + place, .kind = "json_type" + place, .json = "json_extract" + place};
}

Result<Staged> stage_input(Engine& engine, const SourceInput& input, const Limits& limits) {
  return Stager(engine, input, limits).stage();
}

std::string content_sql(const SourceInput& input) {
  return "(SELECT content FROM read_blob(" + file_sql(input.path) + "))";
}

Result<std::vector<std::string>> files_matching(Engine& engine, const std::string& pattern) {
  TRY_LET(const Answer files, engine.query("SELECT file FROM glob(" + sql_literal(pattern) + ") ORDER BY file", {}));
  std::vector<std::string> paths;
  for (const auto& row : files.rows) paths.push_back(row[0].value_or(""));
  return paths;
}

}  // namespace waybill::transform
