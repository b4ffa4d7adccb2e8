// transform/engine.h — SQL over Parquet files: tables by name, statements, questions with limits; for queries and for models.
//
// Tables:   name_table() makes a name stand for files, or for columns without rows. What else is made by statements is in the
//           engine's memory and gone with it.
// Order:    statements run one after another; what one made is there for the next.
// Locked:   lock() is for statements of others. From then on only the files of the tables that were named can be read and
//           nothing can be written, set, attached or loaded, by no statement; query() takes SELECT, DESCRIBE, SHOW, SUMMARIZE and
//           EXPLAIN of one. There is no way back.
// Threads:  an engine belongs to one thread at a time; several engines run beside each other.
// Failure:  invalid: the statement makes no sense (the engine's words: syntax, a name, a type, a value that does not fit). denied:
//           what is locked away. overloaded: over its time, its memory or its room for spilling, or told to stop. unavailable:
//           a file that cannot be read, or the engine itself. A statement that failed has changed nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace waybill::transform {

struct Column {
  std::string name;
  std::string type;  // in SQL: "BIGINT", "DECIMAL(18,3)", "TIMESTAMP WITH TIME ZONE"

  bool operator==(const Column&) const = default;
};

struct NamedTable {
  std::string name;  // "raw.deliverer_location"
  std::vector<std::string> files{};  // paths or s3:// urls of Parquet files; each may lack columns that others have
  std::vector<Column> columns{};  // what it has where there are no files
  std::vector<std::string> besides{};  // expressions over its columns, with a name: "a / 1e7 AS b"
};

struct Limits {
  size_t rows_max = SIZE_MAX;  // of an answer; more are cut off
  size_t bytes_max = SIZE_MAX;  // of an answer's texts; more are cut off
  std::chrono::milliseconds time_max{};  // 0: none
  std::stop_token stop{};
};

using Cell = std::optional<std::string>;  // a value as SQL's CAST(… AS VARCHAR) says it; nothing: NULL

struct Answer {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
  bool cut = false;  // there was more than the limits let in
};

class Engine {
 public:
  virtual ~Engine() = default;

  // A name that is there already stands for the new files from then on.
  virtual Result<void> name_table(const NamedTable& table) = 0;
  // One or several, with ';' between them; what they answer is dropped. denied once locked.
  virtual Result<void> run(const std::string& statements, const Limits& limits) = 0;
  virtual Result<Answer> query(const std::string& statement, const Limits& limits) = 0;  // of one statement
  // The answer of one SELECT into a new Parquet file, zstd, in its order; how many rows. Locked: to where lock() allowed it.
  virtual Result<uint64_t> query_into(const std::string& statement, const std::string& path, const Limits& limits) = 0;
  // The abstract syntax of SELECT statements as JSON, as DuckDB's json_serialize_sql gives it; nothing is looked up for it.
  // invalid: not one, or another kind of statement.
  virtual Result<std::string> syntax(const std::string& statement) = 0;
  virtual Result<void> lock(const std::vector<std::string>& may_write) = 0;  // paths for query_into()
};

}  // namespace waybill::transform
