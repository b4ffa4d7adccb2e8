#include <duckdb.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "transform/duckdb/duckdb.h"
#include "transform/sql_text.h"

namespace waybill::transform {
namespace {

// One of DuckDB's objects, given back where its holder ends.
template <class Handle, void (*give_back)(Handle*)>
class Held {
 public:
  Held() = default;
  explicit Held(Handle handle) : handle_(handle) {}
  ~Held() { give_back(&handle_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  Handle* into() { return &handle_; }
  Handle& operator*() { return handle_; }

 private:
  Handle handle_{};
};
using Config = Held<duckdb_config, duckdb_destroy_config>;
using Database = Held<duckdb_database, duckdb_close>;
using Connection = Held<duckdb_connection, duckdb_disconnect>;
using Statements = Held<duckdb_extracted_statements, duckdb_destroy_extracted>;
using Prepared = Held<duckdb_prepared_statement, duckdb_destroy_prepare>;
using Pending = Held<duckdb_pending_result, duckdb_destroy_pending>;
using Outcome = Held<duckdb_result, duckdb_destroy_result>;
using Chunk = Held<duckdb_data_chunk, duckdb_destroy_data_chunk>;

std::string text_of(const char* text) { return text != nullptr ? text : ""; }

Error error_of(std::string message) {
  // Its messages begin with what kind they are of.
  constexpr auto kinds = std::to_array<std::pair<std::string_view, Code>>({
      {"Permission Error", Code::denied},
      {"Out of Memory Error", Code::overloaded},
      {"INTERRUPT Error", Code::overloaded},
      {"IO Error", Code::unavailable},
      {"HTTP Error", Code::unavailable},
      {"INTERNAL Error", Code::unavailable},
      {"FATAL Error", Code::unavailable},
  });
  for (const auto& [begin, code] : kinds)
    if (message.starts_with(begin)) return {code, std::move(message)};
  return {Code::invalid, std::move(message)};
}

// Ends what the connection runs when its time is over or somebody says stop. The engine forgets an interrupt that comes between
// two of its steps, so it is told again until it has ended.
class Watch {
 public:
  Watch(duckdb_connection connection, const Limits& limits) : connection_(connection), limits_(limits) {
    if (limits.time_max.count() > 0 || limits.stop.stop_possible())
      thread_ = std::jthread([this](const std::stop_token& done) { watch(done); });
  }

  // In place of what the engine says of an interrupt.
  Error said(std::string message) const {
    if (reason_ == Reason::time)
      return {Code::overloaded, "stopped: it ran longer than " + std::to_string(limits_.time_max.count()) + " ms"};
    if (reason_ == Reason::stop) return {Code::overloaded, "stopped: we were told to"};
    return error_of(std::move(message));
  }

 private:
  enum class Reason { none, time, stop };

  void watch(const std::stop_token& done) {
    constexpr std::chrono::milliseconds again{20};
    // It may be called at once, and is waited for at its end: not with the lock held.
    const std::stop_callback told(limits_.stop, [this] {
      const std::lock_guard locked(mutex_);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    const auto ended = [&] { return limits_.stop.stop_requested(); };
    if (limits_.time_max.count() > 0)
      changed_.wait_for(lock, done, limits_.time_max, ended);
    else
      changed_.wait(lock, done, ended);
    if (done.stop_requested()) return;
    reason_ = ended() ? Reason::stop : Reason::time;
    while (!done.stop_requested()) {
      duckdb_interrupt(connection_);
      changed_.wait_for(lock, done, again, [] { return false; });
    }
  }

  duckdb_connection connection_;
  const Limits& limits_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::atomic<Reason> reason_ = Reason::none;
  std::jthread thread_;
};

std::string list_of(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? "," : "") + sql_literal(text);
  return list + "]";
}

// What of the statement must be a SELECT for it to change nothing: EXPLAIN ANALYZE runs what is behind it.
std::string_view explained(std::string_view statement) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto take = [&](std::string_view word) {
    std::string_view rest = statement.substr(std::min(statement.find_first_not_of(spaces), statement.size()));
    for (const char letter : word) {
      if (rest.empty() || (rest.front() & ~0x20) != letter) return;
      rest.remove_prefix(1);
    }
    if (!rest.empty() && spaces.contains(rest.front())) statement = rest;
  };
  take("EXPLAIN");
  take("ANALYZE");
  return statement;
}

class DuckdbEngine final : public Engine {
 public:
  Result<void> open(const DuckdbOptions& options) {
    Config config;
    if (duckdb_create_config(config.into()) != DuckDBSuccess)
      return fail(Code::unavailable, "duckdb: no configuration could be made");
    for (const auto& [name, value] : settings_of(options))
      if (duckdb_set_config(*config, name.c_str(), value.c_str()) != DuckDBSuccess)
        return fail(Code::invalid, "duckdb: it does not take " + name + " = " + value);
    char* why = nullptr;
    if (duckdb_open_ext(nullptr, database_.into(), *config, &why) != DuckDBSuccess) {
      Error error = error_of("duckdb: " + text_of(why));
      duckdb_free(why);
      return std::unexpected(std::move(error));
    }
    if (duckdb_connect(*database_, connection_.into()) != DuckDBSuccess)
      return fail(Code::unavailable, "duckdb: no connection could be made");
    return {};
  }

  Result<void> name_table(const NamedTable& table) override {
    const size_t dot = table.name.find('.');
    if (dot == std::string::npos) return fail(Code::invalid, "name_table: " + table.name + ": is not schema.table");
    const std::string schema = sql_identifier(table.name.substr(0, dot));
    std::string select = "SELECT *";
    for (const std::string& expression : table.besides) select += ", " + expression;
    TRY(run("CREATE SCHEMA IF NOT EXISTS " + schema + "; CREATE OR REPLACE VIEW " + schema + "." +
                sql_identifier(table.name.substr(dot + 1)) + " AS " + select + " FROM " + source_of(table),
            {}));
    readable_.insert(readable_.end(), table.files.begin(), table.files.end());
    return {};
  }

  Result<void> run(const std::string& statements, const Limits& limits) override {
    if (locked_) return fail(Code::denied, "only SELECT, DESCRIBE, SHOW and EXPLAIN may be run here");
    return run_all(statements, limits);
  }

  Result<Answer> query(const std::string& statement, const Limits& limits) override {
    const Watch watch(*connection_, limits);
    Prepared prepared;
    TRY(prepare(statement, prepared, watch));
    const duckdb_statement_type type = duckdb_prepared_statement_type(*prepared);
    if (type != DUCKDB_STATEMENT_TYPE_SELECT && type != DUCKDB_STATEMENT_TYPE_EXPLAIN)
      return fail(Code::denied, "only SELECT, DESCRIBE, SHOW and EXPLAIN may be asked");
    if (type == DUCKDB_STATEMENT_TYPE_EXPLAIN && !syntax(std::string(explained(statement))))
      return fail(Code::denied, "EXPLAIN may be asked of a SELECT only");

    Answer answer;
    for (idx_t i = 0; i < duckdb_prepared_statement_column_count(*prepared); ++i) {
      const char* name = duckdb_prepared_statement_column_name(*prepared, i);
      answer.columns.push_back({.name = text_of(name), .type = "VARCHAR"});
      duckdb_free(const_cast<char*>(name));
    }
    if (type == DUCKDB_STATEMENT_TYPE_EXPLAIN) {
      TRY(fetch(*prepared, limits, watch, answer));
      return answer;
    }
    TRY(types_of(statement, watch, answer.columns));
    Prepared as_texts;
    TRY(prepare("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM query(" + sql_literal(statement) + ")", as_texts, watch));
    TRY(fetch(*as_texts, limits, watch, answer));
    return answer;
  }

  Result<uint64_t> query_into(const std::string& statement, const std::string& path, const Limits& limits) override {
    TRY(syntax(statement));
    const Watch watch(*connection_, limits);
    Prepared prepared;
    TRY(prepare("COPY (FROM query(" + sql_literal(statement) + ")) TO " + sql_literal(path) +
                    " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
                prepared, watch));
    Outcome outcome;
    if (duckdb_execute_prepared(*prepared, outcome.into()) != DuckDBSuccess)
      return std::unexpected(watch.said(text_of(duckdb_result_error(outcome.into()))));
    return duckdb_rows_changed(outcome.into());
  }

  Result<std::string> syntax(const std::string& statement) override {
    const Watch watch(*connection_, {});
    Prepared prepared;
    TRY(prepare("SELECT CAST(json_serialize_sql(" + sql_literal(statement) + ") AS VARCHAR)", prepared, watch));
    Answer answer;
    TRY(fetch(*prepared, {}, watch, answer));
    std::string json = answer.rows.at(0).at(0).value_or("");
    if (json.starts_with(R"({"error":true)")) return fail(Code::invalid, "syntax: " + json);
    return json;
  }

  Result<void> lock(const std::vector<std::string>& may_write) override {
    std::vector<std::string> paths = readable_;
    paths.insert(paths.end(), may_write.begin(), may_write.end());
    TRY(run_all("SET allowed_paths = " + list_of(paths) +
                    "; SET autoinstall_known_extensions = false; SET autoload_known_extensions = false"
                    "; SET enable_external_access = false; SET lock_configuration = true",
                {}));
    locked_ = true;
    return {};
  }

 private:
  static std::vector<std::pair<std::string, std::string>> settings_of(const DuckdbOptions& options) {
    std::vector<std::pair<std::string, std::string>> settings = {
        {"memory_limit", std::to_string(options.memory_mib_max) + "MiB"},
        {"temp_directory", options.spill_folder},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
    };
    if (!options.spill_folder.empty())
      settings.emplace_back("max_temp_directory_size", std::to_string(options.spill_mib_max) + "MiB");
    if (options.threads > 0) settings.emplace_back("threads", std::to_string(options.threads));
    return settings;
  }

  static std::string source_of(const NamedTable& table) {
    // The folders of a key say nothing that is not in the rows.
    if (!table.files.empty())
      return "read_parquet(" + list_of(table.files) + ", union_by_name = true, hive_partitioning = false)";
    std::string columns;
    for (const Column& column : table.columns)
      columns += (columns.empty() ? "" : ", ") + std::string("CAST(NULL AS ") + column.type + ") AS " +
                 sql_identifier(column.name);
    return "(SELECT " + columns + " WHERE false)";
  }

  Result<void> run_all(const std::string& statements, const Limits& limits) {
    const Watch watch(*connection_, limits);
    Statements extracted;
    const idx_t count = duckdb_extract_statements(*connection_, statements.c_str(), extracted.into());
    if (const char* why = duckdb_extract_statements_error(*extracted); why != nullptr)
      return std::unexpected(error_of(why));
    for (idx_t i = 0; i < count; ++i) {
      Prepared prepared;
      if (duckdb_prepare_extracted_statement(*connection_, *extracted, i, prepared.into()) != DuckDBSuccess)
        return std::unexpected(watch.said(text_of(duckdb_prepare_error(*prepared))));
      Outcome outcome;
      if (duckdb_execute_prepared(*prepared, outcome.into()) != DuckDBSuccess)
        return std::unexpected(watch.said(text_of(duckdb_result_error(outcome.into()))));
    }
    return {};
  }

  Result<void> prepare(const std::string& statement, Prepared& prepared, const Watch& watch) {
    if (duckdb_prepare(*connection_, statement.c_str(), prepared.into()) != DuckDBSuccess)
      return std::unexpected(watch.said(text_of(duckdb_prepare_error(*prepared))));
    return {};
  }

  Result<void> types_of(const std::string& statement, const Watch& watch, std::vector<Column>& columns) {
    Prepared prepared;
    TRY(prepare("SELECT column_type FROM (DESCRIBE FROM query(" + sql_literal(statement) + "))", prepared, watch));
    Answer types;
    TRY(fetch(*prepared, {}, watch, types));
    for (size_t i = 0; i < columns.size(); ++i) columns[i].type = types.rows.at(i).at(0).value_or("");
    return {};
  }

  // The rows of a statement whose columns are all VARCHAR, as they come.
  static Result<void> fetch(duckdb_prepared_statement statement, const Limits& limits, const Watch& watch,
                            Answer& into) {
    Pending pending;
    Outcome outcome;
    if (duckdb_pending_prepared_streaming(statement, pending.into()) != DuckDBSuccess)
      return std::unexpected(watch.said(text_of(duckdb_pending_error(*pending))));
    if (duckdb_execute_pending(*pending, outcome.into()) != DuckDBSuccess)
      return std::unexpected(watch.said(text_of(duckdb_result_error(outcome.into()))));
    size_t bytes = 0;
    while (true) {
      Chunk chunk(duckdb_fetch_chunk(*outcome));
      if (*chunk == nullptr) break;
      for (idx_t row = 0; row < duckdb_data_chunk_get_size(*chunk); ++row) {
        into.cut = into.rows.size() == limits.rows_max || bytes > limits.bytes_max;
        if (into.cut) return {};
        bytes += take_row(*chunk, row, into);
      }
    }
    if (const char* why = duckdb_result_error(outcome.into()); why != nullptr && *why != '\0')
      return std::unexpected(watch.said(why));
    return {};
  }

  static size_t take_row(duckdb_data_chunk chunk, idx_t row, Answer& into) {
    std::vector<Cell>& cells = into.rows.emplace_back();
    size_t bytes = 0;
    for (idx_t i = 0; i < duckdb_data_chunk_get_column_count(chunk); ++i) {
      const duckdb_vector column = duckdb_data_chunk_get_vector(chunk, i);
      uint64_t* valid = duckdb_vector_get_validity(column);
      Cell& cell = cells.emplace_back();
      if (valid != nullptr && !duckdb_validity_row_is_valid(valid, row)) continue;
      duckdb_string_t* text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(column)) + row;
      cell.emplace(duckdb_string_t_data(text), duckdb_string_t_length(*text));
      bytes += cell->size();
    }
    return bytes;
  }

  Database database_;
  Connection connection_;
  std::vector<std::string> readable_;
  bool locked_ = false;
};

Result<std::unique_ptr<Engine>> open_engine(const DuckdbOptions& options) {
  auto engine = std::make_unique<DuckdbEngine>();
  TRY(engine->open(options));
  return engine;
}

}  // namespace

const Duckdb waybill_transform_duckdb = {.open = open_engine};

}  // namespace waybill::transform
