#include "wire/tables_in.h"

#include <csv.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

constexpr size_t piece_bytes = 64 << 10;
constexpr size_t grow_bytes = 32 << 10;  // the library's own 128 bytes make a long field a thousand copies of itself
constexpr std::string_view destination_prefix = "destination_";

constexpr std::array<std::string_view, 13> numeric_columns = {
    "latitude", "longitude", "speed",    "accuracy",    "altitude",    "heading",    "timestamp",
    "sent_at",  "at",        "sequence", "assigned_at", "promised_at", "received_at"};
constexpr std::array<std::string_view, 2> numeric_in_destination = {"latitude", "longitude"};

void write_field(JsonWriter& writer, std::string_view field, bool numeric) {
  if (numeric && is_json_number(field))
    writer.raw(field);
  else
    writer.text(field);
}

}  // namespace

struct CsvReader::State {
  csv_parser parser;
  std::vector<CsvRow>* rows = nullptr;
  CsvRow row;
  bool too_many = false;
  std::string head;        // the first bytes, while they may be a byte order mark
  bool head_done = false;
  uint64_t row_number = 1;

  Result<void> parse(std::string_view piece) {
    while (!piece.empty()) {
      const std::string_view part = piece.substr(0, piece_bytes);
      if (csv_parse(&parser, part.data(), part.size(), on_field, on_row, this) != part.size())
        return failed(csv_strerror(csv_error(&parser)));
      if (too_many) return failed("more than " + std::to_string(csv_fields_max) + " fields");
      if (csv_get_buffer_size(&parser) > csv_field_bytes_max + piece_bytes)
        return failed("a field of more than " + std::to_string(csv_field_bytes_max) + " bytes");
      piece.remove_prefix(part.size());
    }
    return {};
  }

  std::unexpected<Error> failed(const std::string& why) const {
    return fail(Code::invalid, "CSV: row " + std::to_string(row_number) + ": " + why);
  }

  static void on_field(void* bytes, size_t size, void* state) {
    auto& self = *static_cast<State*>(state);
    if (self.row.size() == csv_fields_max)
      self.too_many = true;
    else
      self.row.emplace_back(static_cast<const char*>(bytes), size);
  }
  static void on_row(int, void* state) {
    auto& self = *static_cast<State*>(state);
    self.rows->push_back(std::exchange(self.row, {}));
    ++self.row_number;
  }
};

CsvReader::CsvReader() : state_(std::make_unique<State>()) {
  CHECK(csv_init(&state_->parser, CSV_STRICT | CSV_STRICT_FINI) == 0, "libcsv could not begin");
  csv_set_blk_size(&state_->parser, grow_bytes);
}

CsvReader::~CsvReader() { csv_free(&state_->parser); }

Result<void> CsvReader::feed(std::string_view piece, std::vector<CsvRow>& rows) {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  state_->rows = &rows;
  if (!state_->head_done) {
    state_->head.append(piece);
    if (state_->head.size() < mark.size() && mark.starts_with(state_->head)) return {};
    state_->head_done = true;
    std::string_view head = state_->head;
    if (head.starts_with(mark)) head.remove_prefix(mark.size());
    Result<void> result = state_->parse(head);
    state_->head = std::string();
    return result;
  }
  return state_->parse(piece);
}

Result<void> CsvReader::end(std::vector<CsvRow>& rows) {
  state_->rows = &rows;
  if (!state_->head_done) TRY(state_->parse(state_->head));
  state_->head_done = true;
  if (csv_fini(&state_->parser, State::on_field, State::on_row, state_.get()) != 0)
    return state_->failed("a quoted field has no end");
  return {};
}

CsvColumns::CsvColumns(const CsvRow& header, const std::map<std::string, std::string>& columns) {
  for (const std::string& theirs : header) {
    Column column{.name = theirs, .numeric = false, .in_destination = false};
    if (columns.contains(theirs)) column.name = "file_" + theirs;
    for (const auto& [ours, mapped] : columns)
      if (mapped == theirs) column.name = ours;
    column.numeric = std::ranges::find(numeric_columns, column.name) != numeric_columns.end();
    if (column.name.starts_with(destination_prefix)) {
      column.name.erase(0, destination_prefix.size());
      column.in_destination = true;
      column.numeric = std::ranges::find(numeric_in_destination, column.name) != numeric_in_destination.end();
      any_destination_ = true;
    }
    columns_.push_back(std::move(column));
  }
}

Result<std::string> CsvColumns::to_json(const CsvRow& row) const {
  if (row.size() > columns_.size())
    return fail(Code::invalid,
                "has " + std::to_string(row.size()) + " fields, the header " + std::to_string(columns_.size()));
  JsonWriter writer;
  bool has_destination = false;
  writer.begin_object();
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i].empty()) continue;
    if (!is_utf8(row[i])) return fail(Code::invalid, columns_[i].name + " is not UTF-8");
    if (columns_[i].in_destination) {
      has_destination = true;
      continue;
    }
    writer.key(columns_[i].name);
    write_field(writer, row[i], columns_[i].numeric);
  }
  if (any_destination_ && has_destination) {
    writer.key("destination").begin_object();
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].empty() || !columns_[i].in_destination) continue;
      writer.key(columns_[i].name);
      write_field(writer, row[i], columns_[i].numeric);
    }
    writer.end_object();
  }
  return writer.end_object().take();
}

std::string csv_line(const CsvRow& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ',';
    if (row[i].find_first_of(",\"\r\n ") == std::string::npos) {
      line += row[i];
      continue;
    }
    line += '"';
    for (const char c : row[i]) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }
  return line;
}

Result<Csv> parse_csv(std::string_view text) {
  CsvReader reader;
  Csv csv;
  TRY(reader.feed(text, csv.rows));
  TRY(reader.end(csv.rows));
  if (csv.rows.empty()) return fail(Code::invalid, "CSV: there is no header");
  csv.header = std::move(csv.rows.front());
  csv.rows.erase(csv.rows.begin());
  return csv;
}

std::vector<std::string> csv_to_json(const Csv& csv, const std::map<std::string, std::string>& columns) {
  const CsvColumns to(csv.header, columns);
  std::vector<std::string> objects;
  objects.reserve(csv.rows.size());
  for (const CsvRow& row : csv.rows) {
    Result<std::string> object = to.to_json(row);
    if (object) {
      objects.push_back(std::move(*object));
      continue;
    }
    JsonWriter writer;
    writer.begin_array();
    for (const std::string& field : row) writer.text(field);
    objects.push_back(writer.end_array().take());
  }
  return objects;
}

}  // namespace waybill::wire
