// lake/table.h — a table's columns, each with both of its ways: from rows into a file's cells and back.
//
// Threads: pure functions.
// Failure: as lake/table_file.h; read also: corrupt for a value that no row could have given.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "base/position.h"
#include "lake/table_file.h"

namespace waybill::lake {

template <class Rows, class Row>
struct Column {
  ColumnSpec spec;
  void (*give)(const Rows& rows, std::span<const uint32_t> order, Cells& into);
  // false: a value that is never given. Null where the column follows from others and is not read.
  bool (*take)(Cells& from, Row& row);
};

template <class Rows, auto get>
void give(const Rows& rows, std::span<const uint32_t> order, Cells& into) {
  for (const uint32_t row : order) into.add(get(rows, row));
}

template <class Row>
const Position& position_of(const std::vector<Row>& rows, uint32_t row) {
  return rows[row].position;
}

// The columns that every table begins with.
template <class Rows, class Row, auto position = position_of<Row>>
constexpr std::array<Column<Rows, Row>, 3> position_columns = {{
    {.spec = {.name = "journal_epoch", .type = ColumnType::int64},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return position(rows, row).epoch; }>,
     .take =
         [](Cells& from, Row& row) {
           row.position.epoch = static_cast<uint32_t>(*from.next_integer());
           return true;
         }},
    {.spec = {.name = "journal_partition", .type = ColumnType::int32},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return position(rows, row).partition; }>,
     .take =
         [](Cells& from, Row& row) {
           row.position.partition = static_cast<uint32_t>(*from.next_integer());
           return true;
         }},
    {.spec = {.name = "journal_offset", .type = ColumnType::int64, .packing = Packing::delta},
     .give = give<Rows, [](const Rows& rows, uint32_t row) { return position(rows, row).offset; }>,
     .take =
         [](Cells& from, Row& row) {
           row.position.offset = static_cast<uint64_t>(*from.next_integer());
           return true;
         }},
}};

template <class T, size_t n, size_t m>
constexpr std::array<T, n + m> joined(const std::array<T, n>& front, const std::array<T, m>& back) {
  return [&]<size_t... i, size_t... j>(std::index_sequence<i...>, std::index_sequence<j...>) {
    return std::array<T, n + m>{front[i]..., back[j]...};
  }(std::make_index_sequence<n>(), std::make_index_sequence<m>());
}

template <class Rows, class Row, size_t n>
Result<std::string> write_rows(std::string_view table, const std::array<Column<Rows, Row>, n>& columns,
                               const Rows& rows, std::span<const uint32_t> order) {
  std::array<ColumnSpec, n> specs;
  for (size_t i = 0; i < n; ++i) specs[i] = columns[i].spec;
  return write_table(table, specs, order.size(), [&](size_t column, size_t from, size_t to, Cells& into) {
    columns[column].give(rows, order.subspan(from, to - from), into);
  });
}

template <class Row, size_t n>
Result<std::string> write_by_position(std::string_view table,
                                      const std::array<Column<std::vector<Row>, Row>, n>& columns,
                                      std::vector<Row> rows) {
  std::ranges::sort(rows, {}, &Row::position);
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  return write_rows(table, columns, rows, order);
}

template <class Rows, class Row, size_t n>
Result<void> read_rows(Bytes file, std::string_view table, const std::array<Column<Rows, Row>, n>& columns,
                       const std::function<void(const Row&)>& take) {
  std::vector<ColumnSpec> specs;
  std::vector<bool (*)(Cells&, Row&)> takes;
  for (const Column<Rows, Row>& column : columns) {
    if (column.take == nullptr) continue;
    specs.push_back(column.spec);
    takes.push_back(column.take);
  }
  Row row;
  return read_table(file, table, specs, [&](std::span<Cells> cells, size_t rows) -> Result<void> {
    for (size_t number = 0; number < rows; ++number) {
      for (size_t i = 0; i < takes.size(); ++i)
        if (!takes[i](cells[i], row))
          return fail(Code::corrupt, std::string(table) + ": column " + std::string(specs[i].name) +
                                         ": a value that none of its rows can have");
      take(row);
    }
    return {};
  });
}

}  // namespace waybill::lake
