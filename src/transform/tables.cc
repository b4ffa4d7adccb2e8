#include "transform/tables.h"

#include <array>
#include <span>

#include "lake/order_tables.h"
#include "transform/source_table.h"

namespace waybill::transform {
namespace {

struct RawColumn {
  std::string_view name;
  std::string_view type;
};

constexpr auto every_column = std::to_array<RawColumn>({
    {"journal_epoch", "BIGINT"},
    {"journal_partition", "INTEGER"},
    {"journal_offset", "BIGINT"},
    {"received_us", "BIGINT"},
});

constexpr auto location_columns = std::to_array<RawColumn>({
    {"fix_us", "BIGINT"},           {"fix_date", "DATE"},
    {"fix_form", "INTEGER"},        {"sent_us", "BIGINT"},
    {"order_id", "VARCHAR"},        {"deliverer_id", "VARCHAR"},
    {"order_is_number", "BOOLEAN"}, {"deliverer_is_number", "BOOLEAN"},
    {"delivery_state", "VARCHAR"},  {"latitude_e7", "INTEGER"},
    {"longitude_e7", "INTEGER"},    {"latitude_exact", "DOUBLE"},
    {"longitude_exact", "DOUBLE"},  {"cell", "BIGINT"},
    {"accuracy_m", "DOUBLE"},       {"altitude_m", "DOUBLE"},
    {"speed_mps", "DOUBLE"},        {"heading_deg", "DOUBLE"},
    {"client_id", "VARCHAR"},       {"attributes", "VARCHAR"},
});

constexpr auto command_columns = std::to_array<RawColumn>({
    {"kind", "VARCHAR"},
    {"order_id", "VARCHAR"},
    {"order_is_number", "BOOLEAN"},
    {"deliverer_id", "VARCHAR"},
    {"deliverer_is_number", "BOOLEAN"},
    {"destination_latitude", "DOUBLE"},
    {"destination_longitude", "DOUBLE"},
    {"destination_address", "VARCHAR"},
    {"promised_us", "BIGINT"},
    {"sequence", "BIGINT"},
    {"at_us", "BIGINT"},
    {"assignments", "VARCHAR"},
    {"reason", "VARCHAR"},
    {"client_id", "VARCHAR"},
    {"attributes", "VARCHAR"},
});

constexpr auto quarantine_columns = std::to_array<RawColumn>({
    {"identity", "BLOB"},
    {"source", "VARCHAR"},
    {"field", "VARCHAR"},
    {"field_exact", "BLOB"},
    {"reason", "VARCHAR"},
    {"raw", "BLOB"},
});

std::span<const RawColumn> own_columns(lake::BronzeTable table) {
  switch (table) {
    case lake::BronzeTable::deliverer_location: return location_columns;
    case lake::BronzeTable::order_command: return command_columns;
    case lake::BronzeTable::quarantine: return quarantine_columns;
  }
  return {};
}

std::vector<std::string> for_people(lake::BronzeTable table) {
  if (table != lake::BronzeTable::deliverer_location) return {};
  return {"coalesce(latitude_exact, latitude_e7 / 1e7) AS latitude",
          "coalesce(longitude_exact, longitude_e7 / 1e7) AS longitude", "make_timestamp(received_us) AS received_at",
          "make_timestamp(fix_us) AS fix_at", "make_timestamp(sent_us) AS sent_at"};
}

}  // namespace

std::vector<Column> columns_of(lake::BronzeTable table) {
  std::vector<Column> columns;
  for (const std::span<const RawColumn> some : {std::span<const RawColumn>(every_column), own_columns(table)})
    for (const RawColumn& column : some) columns.push_back({std::string(column.name), std::string(column.type)});
  return columns;
}

std::map<std::string, std::vector<Column>> order_columns() {
  const auto type_of = [](lake::ColumnType type) -> std::string {
    switch (type) {
      case lake::ColumnType::int32: return "INTEGER";
      case lake::ColumnType::int64: return "BIGINT";
      case lake::ColumnType::date: return "DATE";
      case lake::ColumnType::boolean: return "BOOLEAN";
      case lake::ColumnType::real: return "DOUBLE";
      case lake::ColumnType::text: return "VARCHAR";
      case lake::ColumnType::bytes:
      case lake::ColumnType::hash: return "BLOB";
    }
    return "";
  };
  std::map<std::string, std::vector<Column>> tables;
  for (const lake::OrderTable& table : lake::order_tables())
    for (const lake::ColumnSpec& column : table.columns)
      tables[table.name].push_back({.name = std::string(column.name), .type = type_of(column.type)});
  return tables;
}

std::vector<NamedTable> tables_of(const lake::Snapshot& snapshot) {
  std::map<std::string, NamedTable> tables;
  for (size_t i = 0; i < lake::bronze_table_count; ++i) {
    const auto table = static_cast<lake::BronzeTable>(i);
    std::string name = lake::table_name(table);
    tables[name] = {.name = name, .columns = columns_of(table), .besides = for_people(table)};
  }
  for (auto& [name, columns] : external_columns(snapshot)) tables[name] = {.name = name, .columns = std::move(columns)};
  for (const auto& [key, file] : snapshot.files) {
    NamedTable& table = tables[file.table];
    table.name = file.table;
    table.files.push_back(key);
  }
  std::vector<NamedTable> all;
  for (auto& [name, table] : tables) all.push_back(std::move(table));
  return all;
}

Result<void> place(NamedTable& table, const lake::Snapshot& snapshot, lake::Loan& loan) {
  for (std::string& file : table.files) {
    TRY_LET(file, loan.path_of(snapshot.files.at(file)));
  }
  return {};
}

}  // namespace waybill::transform
