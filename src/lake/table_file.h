// lake/table_file.h — a table's cells to and from the bytes of a Parquet file.
//
// Threads: pure functions; each in the thread that calls it.
// Failure: unavailable: our shared object for it is not there; write: or the writer's words. read: corrupt for bytes that are not
//          a whole file of this table, also a page whose checksum is wrong. What is around the pages has no checksum of its
//          own: the catalog's, of the whole file, covers it.
// Limits:  a file whose pages want more than read_bytes_max of memory is corrupt.
#pragma once

#include <functional>
#include <span>

#include "base/files.h"
#include "lake/cells.h"

namespace waybill::lake {

enum class ColumnType { int32, int64, date, boolean, real, text, bytes, hash };  // date: days; hash: 16 bytes
enum class Nullable { no, yes };
enum class Packing { delta, dictionary };  // delta: of integers that are near the one before

struct ColumnSpec {
  std::string_view name;
  ColumnType type;
  Nullable nullable = Nullable::no;
  Packing packing = Packing::dictionary;
  bool found_by_bloom = false;
};

// Asks for each column's cells of the rows [from, to), column by column in each group of rows.
using GiveCells = std::function<void(size_t column, size_t from, size_t to, Cells& into)>;
Result<std::string> write_table(std::string_view table, std::span<const ColumnSpec> columns, size_t rows,
                                const GiveCells& give);

// Gives the file's rows, some at a time: the cells of all columns. Those of a column that may be null and is not in the file
// are null; no other has nulls.
using TakeCells = std::function<Result<void>(std::span<Cells> columns, size_t rows)>;
Result<void> read_table(Bytes file, std::string_view table, std::span<const ColumnSpec> columns, const TakeCells& take);

inline constexpr int64_t read_bytes_max = int64_t{1} << 30;

}  // namespace waybill::lake
