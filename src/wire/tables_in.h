// wire/tables_in.h — CSV, GPX and GeoJSON as JSON objects of ours, for bodies, replay and import.
//
// Threads: a reader belongs to one thread at a time.
// Failure: invalid: not of the form; what was read before it stands.
// Limits:  a field above csv_field_bytes_max and a row above csv_fields_max make the text invalid.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace waybill::wire {

inline constexpr size_t csv_field_bytes_max = 1 << 20;
inline constexpr size_t csv_fields_max = 1000;

using CsvRow = std::vector<std::string>;

// RFC 4180 piece by piece, however long the text is: quotes, line breaks inside fields, LF or CRLF; empty lines are passed
// over, blanks around a field without quotes and a byte order mark in front are not part of it.
class CsvReader {
 public:
  CsvReader();
  ~CsvReader();
  Result<void> feed(std::string_view piece, std::vector<CsvRow>& rows);  // appends the rows that are whole by now
  Result<void> end(std::vector<CsvRow>& rows);  // the last one, where it has no line break

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Rows to JSON objects. Header names are ours, or are mapped by `columns` (ours to the file's: {"latitude": "lat"}; where the file
// has another column with our name it becomes file_<name>). Fields of our numeric columns and times are numbers where they are
// written as JSON writes them, all else is text; empty fields are left out; destination_latitude, destination_longitude and
// destination_address become {"destination": {…}}.
class CsvColumns {
 public:
  CsvColumns(const CsvRow& header, const std::map<std::string, std::string>& columns);
  // invalid: more fields than the header, or not UTF-8.
  Result<std::string> to_json(const CsvRow& row) const;

 private:
  struct Column {
    std::string name;
    bool numeric;
    bool in_destination;
  };
  std::vector<Column> columns_;
  bool any_destination_ = false;
};

// A row as a line of CSV without its line break.
std::string csv_line(const CsvRow& row);

// A whole text in memory.
struct Csv {
  CsvRow header;
  std::vector<CsvRow> rows;
};
Result<Csv> parse_csv(std::string_view text);
// One for each row; a row that cannot be an object is given as the array of its fields, so that it fails by itself.
std::vector<std::string> csv_to_json(const Csv& csv, const std::map<std::string, std::string>& columns);

// Each GPX track point with a time as a JSON object of ours; deliverer_id is the track's name, or `fallback_name`. Elevation,
// speed and course are taken where they are, in the point or in its extensions.
Result<std::vector<std::string>> gpx_to_json(std::string_view gpx, const std::string& fallback_name);

// Whose a ride is, where that is known beside its file.
struct RideOwner {
  std::string deliverer = {};  // empty: whom the file names; of GPX the track's name, where no order is known either
  std::string order = {};  // may be empty
};
// Every point of a GPX's tracks, those without a time included, which are no locations then.
Result<std::vector<std::string>> gpx_ride_to_json(std::string_view gpx, const RideOwner& owner);
// A FeatureCollection, a Feature or a geometry of RFC 7946: points, whose properties are fields of theirs, and lines with a time
// for each place in properties.coordTimes, as we write them ourselves, or in properties.coordinateProperties.times.
Result<std::vector<std::string>> geojson_ride_to_json(std::string_view geojson, const RideOwner& owner);

}  // namespace waybill::wire
