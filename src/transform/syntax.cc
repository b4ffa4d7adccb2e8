#include "transform/syntax.h"

#include "wire/json_text.h"

namespace waybill::transform {
namespace {

struct Found {
  std::set<std::string> tables;
  std::set<std::string> own;  // names of its WITH
};

std::string text_of(std::string_view literal) {
  std::string scratch;
  return std::string(wire::json_string(literal, scratch).value_or(""));
}

void look_into(std::string_view value, Found& found);

void look_into_object(std::string_view object, Found& found) {
  bool is_table = false;
  std::string schema, table;
  wire::JsonWalk walk(object);
  for (std::string_view name, value; walk.next_member(name, value);) {
    if (name == R"("type")") is_table = value == R"("BASE_TABLE")";
    if (name == R"("schema_name")") schema = text_of(value);
    if (name == R"("table_name")") table = text_of(value);
    // {"map":[{"key": its name, "value": its query} …]}
    if (name == R"("key")" && wire::kind_of(value) == wire::JsonKind::string) found.own.insert(text_of(value));
    look_into(value, found);
  }
  if (is_table) found.tables.insert(schema.empty() ? table : schema + '.' + table);
}

void look_into(std::string_view value, Found& found) {
  const wire::JsonKind kind = wire::kind_of(value);
  if (kind == wire::JsonKind::object) look_into_object(value, found);
  if (kind != wire::JsonKind::array) return;
  wire::JsonWalk walk(value);
  for (std::string_view element; walk.next_element(element);) look_into(element, found);
}

}  // namespace

std::set<std::string> tables_read(std::string_view syntax) {
  Found found;
  look_into(wire::json_trimmed(syntax), found);
  for (const std::string& name : found.own) found.tables.erase(name);
  return found.tables;
}

}  // namespace waybill::transform
