#include <memory>

#include "lake/bronze_rows.h"
#include "lake/layout.h"
#include "lake/table.h"
#include "wire/json_text.h"

namespace waybill::lake {
namespace {

struct QuarantineRow {
  Position position;
  EventId id;
  wire::Quarantined item;
};

using Rows = std::vector<QuarantineRow>;
using QuarantineColumn = Column<Rows, QuarantineRow>;
using wire::Quarantined;

constexpr size_t half = 8;
constexpr int byte_bits = 8;

// As its hexadecimal digits stand: the high half first, the high byte of each first.
std::string bytes_of(const EventId& id) {
  std::string bytes;
  for (const uint64_t number : {id.high, id.low})
    for (size_t i = half; i > 0; --i) bytes += static_cast<char>(number >> (byte_bits * (i - 1)) & 0xff);
  return bytes;
}

EventId id_of(std::string_view bytes) {
  const auto number = [](std::string_view text) {
    uint64_t value = 0;
    for (const char byte : text) value = value << byte_bits | static_cast<uint8_t>(byte);
    return value;
  };
  return {.high = number(bytes.substr(0, half)), .low = number(bytes.substr(half))};
}

template <std::string Quarantined::* field>
constexpr auto give_text =
    give<Rows, [](const Rows& rows, uint32_t row) -> std::string_view { return rows[row].item.*field; }>;
template <std::string Quarantined::* field>
bool take_text(Cells& from, QuarantineRow& row) {
  (row.item.*field).assign(*from.next_text());
  return true;
}

constexpr auto quarantine_columns =
    joined(position_columns<Rows, QuarantineRow>,
           std::to_array<QuarantineColumn>({
               {.spec = {.name = "received_us", .type = ColumnType::int64, .packing = Packing::delta},
                .give = give<Rows, [](const Rows& rows, uint32_t row) { return to_us(rows[row].item.received_at); }>,
                .take =
                    [](Cells& from, QuarantineRow& row) {
                      row.item.received_at = at_us(*from.next_integer());
                      return true;
                    }},
               {.spec = {.name = "identity", .type = ColumnType::hash},
                .give = give<Rows, [](const Rows& rows, uint32_t row) { return bytes_of(rows[row].id); }>,
                .take =
                    [](Cells& from, QuarantineRow& row) {
                      row.id = id_of(*from.next_text());
                      return true;
                    }},
               {.spec = {.name = "source", .type = ColumnType::text},
                .give = give_text<&Quarantined::source>,
                .take = take_text<&Quarantined::source>},
               {.spec = {.name = "field", .type = ColumnType::text},
                .give =
                    give<Rows, [](const Rows& rows, uint32_t row) { return wire::made_utf8(rows[row].item.field); }>,
                .take = take_text<&Quarantined::field>},
               {.spec = {.name = "field_exact", .type = ColumnType::bytes, .nullable = Nullable::yes},
                .give = give<Rows,
                             [](const Rows& rows, uint32_t row) -> std::optional<std::string_view> {
                               const std::string& field = rows[row].item.field;
                               return wire::is_utf8(field) ? std::nullopt : std::optional<std::string_view>(field);
                             }>,
                .take =
                    [](Cells& from, QuarantineRow& row) {
                      if (const auto field = from.next_text()) row.item.field.assign(*field);
                      return true;
                    }},
               {.spec = {.name = "reason", .type = ColumnType::text},
                .give = give_text<&Quarantined::reason>,
                .take = take_text<&Quarantined::reason>},
               {.spec = {.name = "raw", .type = ColumnType::bytes},
                .give = give_text<&Quarantined::raw>,
                .take = take_text<&Quarantined::raw>},
           }));

}  // namespace

struct QuarantineRows::Columns {
  std::vector<QuarantineRow> rows;
};

QuarantineRows::QuarantineRows() : columns_(std::make_unique<Columns>()) {}
QuarantineRows::~QuarantineRows() = default;

void QuarantineRows::add(const Position& position, const EventId& id, const Quarantined& item) {
  columns_->rows.push_back({position, id, item});
}
size_t QuarantineRows::size() const { return columns_->rows.size(); }

Result<std::string> QuarantineRows::to_parquet() {
  return write_by_position(table_name(BronzeTable::quarantine), quarantine_columns, std::exchange(columns_->rows, {}));
}

Result<void> read_quarantine(Bytes file,
                             const std::function<void(const Position&, const EventId&, const Quarantined&)>& row) {
  return read_rows<Rows, QuarantineRow>(file, table_name(BronzeTable::quarantine), quarantine_columns,
                                        [&](const QuarantineRow& read) { row(read.position, read.id, read.item); });
}

}  // namespace waybill::lake
