// journal/source.h — the durable records of a journal, as who takes them further reads them, whoever writes it.
//
// Order:   read() gives records in the order of their offsets, without gaps.
// Threads: of the journal itself: all methods from any thread. Of one that is followed: one at a time.
// Failure: read: not_found below begin(), corrupt where bytes are damaged; of one that is followed also, from then on, where
//          what was read could not be made durable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/position.h"
#include "journal/epochs.h"

namespace waybill::journal {

// Records back to back, as append() takes and read() gives them.
struct Records {
  std::string bytes;
  std::vector<size_t> ends;  // of each record in bytes

  size_t size() const { return ends.size(); }
  bool empty() const { return ends.empty(); }
  Bytes operator[](size_t index) const {
    const size_t begin = index == 0 ? 0 : ends[index - 1];
    return waybill::as_bytes(bytes).subspan(begin, ends[index] - begin);
  }
  // From the one with this index on.
  Records from(size_t index) const {
    Records rest;
    const size_t begin = index == 0 ? 0 : ends[index - 1];
    rest.bytes = bytes.substr(begin);
    for (size_t i = index; i < ends.size(); ++i) rest.ends.push_back(ends[i] - begin);
    return rest;
  }
  void clear() {
    bytes.clear();
    ends.clear();
  }
};

struct ReadResult {
  uint64_t first = 0;  // offset of records[0]
  Records records;  // empty at the end
};

class Source {
 public:
  virtual ~Source() = default;

  // Durable records from `offset` on, whole records of about `bytes_max` together (at least one, where there is one), all of
  // one epoch.
  virtual Result<ReadResult> read(uint64_t offset, size_t bytes_max) = 0;

  virtual const Epochs& epochs() const = 0;
  virtual uint32_t partition() const = 0;
  virtual uint64_t begin() const = 0;
  // Behind the last durable record; of one that is followed: that it knows of.
  virtual uint64_t durable_end() const = 0;

  Position position(uint64_t offset) const {
    return {.epoch = epochs().of(offset), .partition = partition(), .offset = offset};
  }
};

// Beside the process that writes it, or without one. It looks for more when it is read at its end. What that process has written and
// not yet synced it syncs itself, so that nobody who has custody of a record can find it gone from the journal. not_found: there
// is no journal in the folder.
Result<std::unique_ptr<Source>> follow_journal(const std::string& folder, Files& files);

}  // namespace waybill::journal
