// wire/tables_in.h — CSV and GPX files as locations, for replay and import.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace waybill::wire {

// Rows of a CSV text (RFC 4180, quotes and line breaks inside fields), the first one the header.
struct Csv {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
Result<Csv> parse_csv(std::string_view text);

// Each CSV row as a JSON object: header names mapped by `columns` (ours to the file's: {"latitude": "lat"}), numbers where
// the column is one of our numeric fields, empty fields left out.
std::vector<std::string> csv_to_json(const Csv& csv, const std::map<std::string, std::string>& columns);

// Each GPX track point with a time as a JSON object of ours; deliverer_id is the track's name, or `fallback_name`.
Result<std::vector<std::string>> gpx_to_json(std::string_view gpx, const std::string& fallback_name);

}  // namespace waybill::wire
