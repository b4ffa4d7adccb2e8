// journal/epochs.h — which epoch gave which offsets: a journal goes on under a new one where its folder was restored from a backup.
//
// Threads: values.
// Format:  docs/FORMATS.md, Journal, Epochs.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/position.h"

namespace waybill::journal {

struct Epoch {
  uint32_t number = 0;
  uint64_t begin = 0;  // it gave the offsets from here on, up to where the next one begins

  bool operator==(const Epoch&) const = default;
};

class Epochs {
 public:
  Epochs() = default;
  explicit Epochs(std::vector<Epoch> all) : all_(std::move(all)) {}  // ascending in both, the first from 0 on

  bool empty() const { return all_.empty(); }
  const std::vector<Epoch>& all() const { return all_; }
  uint32_t newest() const { return all_.empty() ? 0 : all_.back().number; }
  uint32_t of(uint64_t offset) const;

  // Whether the record at this position is, or will be, the one that the position was given to. not_found: an epoch that is
  // none of this journal's. conflict, with both numbers: the epoch ends before this offset, or begins behind it.
  Result<void> check(uint32_t epoch, uint64_t offset) const;
  // The same of a watermark, the offset behind the last record that a consumer has: it may be where the epoch ends.
  Result<void> check_watermark(uint32_t epoch, uint64_t offset) const;

  bool operator==(const Epochs&) const = default;

 private:
  std::vector<Epoch> all_;
};

// Of a journal's folder; empty where it has no such file: then all is of the epoch that its segments name.
Result<Epochs> read_epochs(Files& files, const std::string& folder);
Result<void> write_epochs(Files& files, const std::string& folder, const Epochs& epochs);

}  // namespace waybill::journal
