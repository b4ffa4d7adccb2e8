// transform/source_staging.h — an input of another source as rows in an engine, with what SQL says of their columns.
//
// Threads: the engine's.
// Failure: invalid: the input cannot be read as its form, with the reason; it is quarantined as a whole. Else as the engine.
// Limits:  more than source_columns_max columns, or a line above source_line_bytes_max, are not read.
#pragma once

#include <string>
#include <vector>

#include "transform/engine.h"
#include "transform/source_types.h"

namespace waybill::transform {

inline constexpr size_t source_columns_max = 1000;
inline constexpr size_t source_line_bytes_max = 1 << 20;  // the engine holds sixteen of it at once

enum class SourceForm { csv, json, ndjson, parquet };  // csv: RFC 4180 with a line of names
std::string_view to_string(SourceForm form);

// A file of this machine, .gz and .zst too.
struct SourceInput {
  std::string id;  // by which it is known again: of a file its path
  std::string path;
  SourceForm form = SourceForm::csv;
};

struct Staged {
  SourceForm form = SourceForm::csv;
  std::vector<Column> columns;  // types of Parquet only; of others they follow from the values
  std::string rows;  // what SQL reads them from
  std::string raw;  // SQL: a row as it came, a text
  std::string wrong_row;  // SQL: why a row is none at all; null where it is one
  std::string rejects;  // SELECT reason, raw of the lines that are no rows; empty: every line is

  ValueSql value(const std::string& column) const;
};

Result<Staged> stage_input(Engine& engine, const SourceInput& input, const Limits& limits);
std::string content_sql(const SourceInput& input);  // its bytes, a BLOB

// Files of this machine by a path, which may have * ? [ ]; by name.
Result<std::vector<std::string>> files_matching(Engine& engine, const std::string& pattern);

}  // namespace waybill::transform
