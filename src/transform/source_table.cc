#include "transform/source_table.h"

#include <algorithm>

#include "wire/json_object.h"
#include "wire/json_out.h"

namespace waybill::transform {
namespace {

constexpr std::string_view contract_prefix = "contract.";
constexpr std::string_view input_prefix = "input.";
constexpr std::string_view growing_prefix = "growing.";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_name(std::string_view text) {
  constexpr size_t name_bytes_max = 63;
  return !text.empty() && text.size() <= name_bytes_max && text.front() >= 'a' && text.front() <= 'z' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

std::unexpected<Error> not_ours(const std::string& property) {
  return fail(Code::corrupt, "the lake's catalog: " + property + ": expected what a run of a source writes");
}

Result<Contract> read_contract(const std::string& property, const std::string& text) {
  wire::JsonObject root(text);
  Contract contract;
  for (wire::JsonObject& column : root.objects("columns"))
    contract.push_back({.name = column.text("name"), .type = column.text("type")});
  if (!root.ok()) return not_ours(property);
  return contract;
}

}  // namespace

std::optional<SourceTable> parse_source_table(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  SourceTable table{.source = std::string(text.substr(0, dot)), .table = std::string(text.substr(dot + 1))};
  if (!is_name(table.source) || !is_name(table.table) || table.table.ends_with("_quarantine")) return std::nullopt;
  return table;
}

const Column* find_column(const Contract& contract, std::string_view name) {
  const auto found = std::ranges::find_if(
      contract, [&](const Column& column) { return std::ranges::equal(column.name, name, {}, lower, lower); });
  return found == contract.end() ? nullptr : &*found;
}

std::string contract_property(const SourceTable& table) { return std::string(contract_prefix) + table.name(); }
std::string input_property(const SourceTable& table, const std::string& input) {
  return std::string(input_prefix) + table.name() + ':' + input;
}
std::string growing_property(const SourceTable& table) { return std::string(growing_prefix) + table.name(); }

bool is_property_of(const SourceTable& table, std::string_view property) {
  return property == contract_property(table) || property == growing_property(table) ||
         property.starts_with(input_property(table, ""));
}

std::string contract_text(const Contract& contract) {
  wire::JsonWriter json;
  json.begin_object().key("columns").begin_array();
  for (const Column& column : contract)
    json.begin_object().key("name").text(column.name).key("type").text(column.type).end_object();
  json.end_array().end_object();
  return json.take();
}

std::string input_text(const InputRecord& record) {
  wire::JsonWriter json;
  json.begin_object().key("bytes").integer(static_cast<int64_t>(record.bytes));
  json.key("crc32c").text(to_hex(record.crc32c));
  const auto list = [&](std::string_view name, const std::vector<std::string>& texts) {
    json.key(name).begin_array();
    for (const std::string& text : texts) json.text(text);
    json.end_array();
  };
  list("columns", record.columns);
  list("files", record.keys);
  json.end_object();
  return json.take();
}

Result<Contract> contract_of(const lake::Snapshot& lake, const SourceTable& table) {
  const auto found = lake.properties.find(contract_property(table));
  if (found == lake.properties.end()) return Contract{};
  return read_contract(found->first, found->second);
}

Result<std::optional<InputRecord>> input_of(const lake::Snapshot& lake, const SourceTable& table,
                                            const std::string& input) {
  const auto found = lake.properties.find(input_property(table, input));
  if (found == lake.properties.end()) return std::nullopt;
  wire::JsonObject root(found->second);
  const auto checksum = parse_checksum(root.text("crc32c"));
  InputRecord record{.bytes = root.number("bytes"),
                     .crc32c = checksum.value_or(0),
                     .columns = root.texts("columns"),
                     .keys = root.texts("files")};
  if (!root.ok() || !checksum) return not_ours(found->first);
  return record;
}

std::string growing_of(const lake::Snapshot& lake, const SourceTable& table) {
  const auto found = lake.properties.find(growing_property(table));
  return found == lake.properties.end() ? "" : found->second;
}

std::map<std::string, std::vector<Column>> external_columns(const lake::Snapshot& lake) {
  std::map<std::string, std::vector<Column>> tables;
  for (auto at = lake.properties.lower_bound(std::string(contract_prefix)); at != lake.properties.end(); ++at) {
    if (!at->first.starts_with(contract_prefix)) break;
    auto contract = read_contract(at->first, at->second);
    if (!contract) continue;  // its files still say what they have
    for (Column& column : *contract)
      if (column.type == "JSON") column.type = "VARCHAR";
    tables[at->first.substr(contract_prefix.size())] = *std::move(contract);
  }
  return tables;
}

}  // namespace waybill::transform
