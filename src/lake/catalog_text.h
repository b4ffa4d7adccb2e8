// lake/catalog_text.h — versions and checkpoints of the catalog, to and from the text of their objects (docs/FORMATS.md, Lake catalog).
//
// Threads: pure functions.
#pragma once

#include "lake/catalog.h"

namespace waybill::lake {

// A change as it stands in the catalog.
struct Commit {
  uint64_t number = 0;
  Time made_at{};
  std::string id;  // random: by it a writer that had no answer finds its own
  std::map<std::string, uint64_t> claims;  // new ones
  Change change;

  bool operator==(const Commit&) const = default;
};

std::string version_key(uint64_t number);
std::string checkpoint_key(uint64_t number);
std::optional<uint64_t> number_of_key(std::string_view key);  // of either

std::string encode_version(const Commit& commit);
std::string encode_checkpoint(const Snapshot& snapshot);
// corrupt where the text is not as it was written, invalid where a newer program wrote it; `key` is for the message.
Result<Commit> decode_version(std::string_view text, const std::string& key);
Result<Snapshot> decode_checkpoint(std::string_view text, const std::string& key);

// The state after the commit. conflict where it does not fit, with what does not.
Result<Snapshot> apply(const Snapshot& snapshot, const Commit& commit);

}  // namespace waybill::lake
