// app/lake_import.h — the first system's folder of locations, through the HTTP API of a running waybill: each gets custody as any other.
//
// Order:    the files' by their paths, and their lines'. Files end in .jsonl, .ndjson or .json, or in that and .gz; others are passed over.
// Delivery: as app/replay.h. After a break it goes on at the file and line where it stopped; what is sent again counts once.
// Failure:  as app/replay.h; a file that is damaged is told, what was read before its damage is sent, and the others follow.
// Format:   docs/FORMATS.md, The progress of an import.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "app/replay.h"
#include "base/clock.h"

namespace waybill::app {

struct ImportOptions {
  std::string from;  // the folder
  std::string url{};
  Trust trust{};
  std::string bearer{};
  uint64_t batch = 1000;  // locations in one request
  std::string progress{};  // a file; empty: <folder>.waybill-import. Removed at the end
};

struct ImportCounts {
  uint64_t files = 0;  // that were read to their end
  uint64_t damaged = 0;  // that could not be
  SentCounts lines{};
  uint64_t repeats = 0;  // records that the server's store found it had already, meanwhile

  bool operator==(const ImportCounts&) const = default;
};

// Where an import stands: `lines` of `file` were answered for good, and all of the files before it.
struct ImportProgress {
  std::string folder{};
  std::string url{};
  std::string before{};  // the paths before it, hashed: none came or went
  std::string file{};  // below the folder
  FileHead head{};
  uint64_t lines = 0;
  ImportCounts counts{};
  std::string last_position{};

  bool operator==(const ImportProgress&) const = default;
};
std::string import_progress_json(const ImportProgress& progress);
Result<ImportProgress> read_import_progress(std::string_view json);

std::string import_text(const ImportCounts& counts);

// Progress goes to standard error, the counts to standard output.
Result<void> run_import(const ImportOptions& options, Clock& clock, const std::stop_token& stop);

}  // namespace waybill::app
