// backup/manifest.h — what one generation of a backup holds: its files with their checksums, and how far journal and store reach.
//
// Format:  docs/FORMATS.md, Backup.
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "journal/epochs.h"

namespace waybill::backup {

// A file of the backup folder that holds a part of a data folder's file.
struct Part {
  std::string file;  // below `files`
  uint64_t bytes = 0;
  uint32_t crc32c = 0;

  bool operator==(const Part&) const = default;
};

struct Entry {
  std::string path;  // in the data folder
  uint32_t salt = 0;  // of a journal segment
  std::vector<Part> parts;  // one behind the other

  uint64_t bytes() const;
  bool operator==(const Entry&) const = default;
};

struct Manifest {
  uint64_t generation = 0;
  Time made_at{};
  std::string version;  // of the waybill that made it
  int data_format = 0;
  uint32_t partition = 0;
  std::vector<journal::Epoch> epochs;
  uint64_t journal_begin = 0;
  uint64_t journal_end = 0;
  uint64_t store_watermark =
      0;  // the store's files hold everything below it, perhaps more, nothing at or behind journal_end
  uint64_t books_end = 0;  // count and sum of the identities below it, as the store had them
  uint64_t books_count = 0;
  std::string books_ids;
  uint64_t copied_bytes = 0;  // the others were there from generations before
  std::vector<Entry> entries;

  uint64_t bytes() const;
  bool operator==(const Manifest&) const = default;
};

std::string encode_manifest(const Manifest& manifest);
// corrupt where the text is not as it was written, invalid where a newer program wrote it; `name` is for the message.
Result<Manifest> decode_manifest(std::string_view text, const std::string& name);

}  // namespace waybill::backup
