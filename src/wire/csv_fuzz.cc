// Any bytes as CSV: the same rows whole and in pieces, and each row becomes an object of JSON, or says why not. The first
// byte says how long the pieces are.
#include <cstdint>

#include "base/check.h"
#include "wire/json_in.h"
#include "wire/json_text.h"
#include "wire/tables_in.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waybill;
  using namespace waybill::wire;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  CsvReader reader;
  std::vector<CsvRow> rows;
  Result<void> read;
  for (size_t at = 0; at < text.size() && read; at += data[0] + 1u)
    read = reader.feed(text.substr(at, data[0] + 1u), rows);
  if (read) read = reader.end(rows);

  const Result<Csv> whole = parse_csv(text);
  if (whole) {
    CHECK(read, "what is CSV as a whole is so in pieces");
    CHECK(rows.size() == whole->rows.size() + 1 && rows.front() == whole->header, "with the same header");
    CHECK(std::equal(rows.begin() + 1, rows.end(), whole->rows.begin()), "and the same rows");
    JsonChecker checker;
    for (const std::string& object : csv_to_json(*whole, {{"latitude", "lat"}}))
      CHECK(checker.check(object), "a row becomes JSON");
  }
  static InputParser parser;
  static_cast<void>(parser.locations(text, BodyForm::csv, {}));
  static_cast<void>(parser.orders(text, BodyForm::csv, {}));
  return 0;
}
