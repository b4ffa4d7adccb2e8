// app/lines.h — the locations of a file, one JSON object after the other, whatever the file's form.
//
// Threads: one at a time.
// Failure: not_found, denied: the file; invalid: it is not of its form, is damaged, or ends in the middle of its gzip.
// Limits:  NDJSON is read as it goes; a line above line_bytes_max is given as an empty text with `too_long`. CSV and GPX are held
//          in memory: above table_bytes_max (unpacked) they are refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace waybill::app {

inline constexpr size_t line_bytes_max = 1 << 20;
inline constexpr size_t table_bytes_max = size_t{1} << 30;

enum class LinesForm { by_name, ndjson, csv, gpx };  // by_name: of the name without .gz; ndjson where it says nothing

struct LinesOptions {
  std::string path{};  // "-": standard input
  LinesForm form = LinesForm::by_name;
  std::map<std::string, std::string> columns{};  // CSV: our name to the file's
};

struct Line {
  uint64_t number = 0;  // from 1; in CSV the header is row 1; in GPX it counts the points
  std::string text{};
  bool too_long = false;
};

class Lines {
 public:
  virtual ~Lines() = default;
  virtual Result<std::optional<Line>> next() = 0;  // nothing at the end; empty lines are passed over
};

Result<std::unique_ptr<Lines>> open_lines(const LinesOptions& options);

// The head of a file, by which a progress file knows it again.
inline constexpr size_t head_bytes_max = 64 << 10;
struct FileHead {
  uint64_t bytes = 0;  // that were hashed
  std::string hash{};  // 32 hex digits
  bool operator==(const FileHead&) const = default;
};
// Of the first `bytes` bytes, or of head_bytes_max where it is 0; fewer where the file is shorter.
Result<FileHead> head_of(const std::string& path, uint64_t bytes = 0);

}  // namespace waybill::app
