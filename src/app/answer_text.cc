#include "app/answer_text.h"

#include <algorithm>
#include <array>

#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

using transform::Answer;
using transform::Cell;

bool is_number(std::string_view type) {
  constexpr std::array<std::string_view, 12> numbers = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                                        "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                                        "UBIGINT", "UHUGEINT", "FLOAT",     "DOUBLE"};
  return std::ranges::find(numbers, type) != numbers.end() || (type.starts_with("DECIMAL(") && type.ends_with(")"));
}

size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char byte) { return (byte & 0xC0) != 0x80; }));
}

// One line, whatever is in it.
std::string shown(const Cell& cell) {
  std::string text = cell.value_or("NULL");
  for (char& byte : text)
    if (static_cast<unsigned char>(byte) < ' ') byte = ' ';
  return text;
}

void append_line(std::string& into, const Answer& answer, const std::vector<std::string>& texts,
                 const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string space(widths[i] - width_of(texts[i]), ' ');
    line += i == 0 ? "" : "  ";
    line += is_number(answer.columns[i].type) ? space + texts[i] : texts[i] + space;
  }
  into += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
}

void append_csv(std::string& into, const Cell& cell) {
  if (!cell) return;
  if (!cell->empty() && cell->find_first_of(",\"\r\n") == std::string::npos) {
    into += *cell;
    return;
  }
  into += '"';
  for (const char byte : *cell) into.append(byte == '"' ? 2 : 1, byte);
  into += '"';
}

void write_cell(wire::JsonWriter& json, const std::string& type, const Cell& cell) {
  if (!cell || (is_number(type) && !wire::is_json_number(*cell))) {
    json.null();
  } else if (is_number(type)) {
    json.raw(*cell);
  } else if (type == "BOOLEAN") {
    json.boolean(*cell == "true");
  } else {
    json.text(*cell);
  }
}

}  // namespace

std::string table_text(const Answer& answer) {
  std::vector<size_t> widths;
  std::vector<std::string> names;
  for (const transform::Column& column : answer.columns) {
    names.push_back(shown(column.name));
    widths.push_back(width_of(names.back()));
  }
  for (const auto& row : answer.rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(shown(row[i])));
  std::string text;
  append_line(text, answer, names, widths);
  std::vector<std::string> rules;
  for (const size_t width : widths) rules.emplace_back(width, '-');
  append_line(text, answer, rules, widths);
  for (const auto& row : answer.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(shown(cell));
    append_line(text, answer, cells, widths);
  }
  text += answer.cut ? "the first " : "";
  return text + std::to_string(answer.rows.size()) + (answer.rows.size() == 1 ? " row" : " rows") +
         (answer.cut ? ", there are more\n" : "\n");
}

std::string csv_text(const Answer& answer) {
  std::string text;
  for (const transform::Column& column : answer.columns) {
    if (!text.empty()) text += ',';
    append_csv(text, column.name);
  }
  text += "\r\n";
  for (const auto& row : answer.rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      append_csv(text, row[i]);
    }
    text += "\r\n";
  }
  return text;
}

std::string json_text(const Answer& answer) {
  wire::JsonWriter json;
  json.begin_object().key("columns").begin_array();
  for (const transform::Column& column : answer.columns)
    json.begin_object().key("name").text(column.name).key("type").text(column.type).end_object();
  json.end_array().key("rows").begin_array();
  for (const auto& row : answer.rows) {
    json.begin_array();
    for (size_t i = 0; i < row.size(); ++i) write_cell(json, answer.columns[i].type, row[i]);
    json.end_array();
  }
  json.end_array().key("cut").boolean(answer.cut);
  return json.end_object().take();
}

}  // namespace waybill::app
