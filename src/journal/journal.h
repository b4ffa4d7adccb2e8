// journal/journal.h — the durable log: every accepted record once, in order, each at its position for good.
//
// Order:    append() gives offsets without gaps; read() gives records in that order.
// Delivery: a record is durable when a commit() that began after its append() has returned; not before, and then for good
//           (a disk that lies about a sync, or that dies, excepted).
// Threads:  all methods from any thread; commits that wait at the same time share one sync.
// Failure:  append: overloaded when the disk or the budget is full or too much waits unsynced: nothing was taken, try again.
//           commit: unavailable after a failed write or sync: the journal takes nothing any more, the process must stop,
//           and nobody may be told that what waited was kept. read: not_found below begin(), corrupt where bytes are damaged.
// Limits:   record_bytes_max, unsynced_bytes_max, disk_bytes_max.
// Format:   docs/FORMATS.md, Journal.
#pragma once

#include <chrono>
#include <span>
#include <stop_token>

#include "base/clock.h"
#include "base/files.h"
#include "base/metrics.h"
#include "journal/source.h"

namespace waybill::journal {

inline constexpr size_t record_bytes_max = 1 << 20;  // a larger record is invalid

struct JournalOptions {
  std::string folder{};  // made where missing
  uint32_t epoch = 1;  // of a new folder; an existing one keeps its own
  uint32_t partition = 0;
  uint64_t segment_bytes = 64 << 20;  // preallocated and filled with zeros ahead of use
  uint64_t unsynced_bytes_max = 64 << 20;  // appended and not yet durable: beyond it append says overloaded
  uint64_t disk_bytes_max = 0;  // all segments together; 0: the disk is the limit
  std::chrono::milliseconds space_retry{500};  // pause before it looks again whether there is space for a segment
  bool sync = true;  // false loses on a crash: for comparison in benchmarks only
};

// A record that stands at an offset instead of the one that was written there.
struct Replacement {
  uint64_t offset = 0;
  std::string record;
};

// [first, first + count) of what append() took.
struct Appended {
  uint64_t first = 0;
  uint64_t count = 0;
};

struct SegmentStatus {
  uint64_t first = 0;  // offset of its first record
  uint64_t disk_bytes = 0;
};

struct JournalStatus {
  uint64_t begin = 0;  // first offset kept
  uint64_t durable_end = 0;  // offset behind the last durable record
  uint64_t disk_bytes = 0;
  std::vector<SegmentStatus> segments;  // oldest first; a segment's records are [first, the next one's first)
  bool full = false;  // append says overloaded
  bool failed = false;  // commit says unavailable, for good
};

class Journal : public Source {
 public:
  virtual Result<Appended> append(const Records& records) = 0;
  virtual Result<void> commit() = 0;

  // Until durable_end() > offset, the time is over or stop is asked for.
  virtual void wait_for(uint64_t offset, std::chrono::milliseconds at_most, std::stop_token stop) = 0;

  // Removes the segments that hold only offsets below `offset`. The one being written stays.
  virtual Result<void> trim(uint64_t offset) = 0;

  // Everything below the offset that it gives, durable then, is in segments that nobody writes to any more. overloaded: there is
  // no segment to go on with yet.
  virtual Result<uint64_t> roll() = 0;
  // In the segment that begins with this offset, which nobody writes to any more, these records stand from now on, in ascending
  // offsets: all of them or none, and durably when it has returned. Without any it makes durable what an earlier call that
  // failed may have done. Reads that run beside it give the one or the other. not_found: it was trimmed.
  virtual Result<void> rewrite(uint64_t segment, std::span<const Replacement> replacements) = 0;

  virtual JournalStatus status() const = 0;

  uint32_t epoch() const { return epochs().newest(); }
};

// Opens for writing: cuts a torn tail (what no commit ever acknowledged), says corrupt where something that was synced is
// damaged in the last segment. One writer a folder: the caller holds the data folder's lock. What was appended is committed when
// the journal is destroyed.
Result<std::unique_ptr<Journal>> open_journal(JournalOptions options, Files& files, Clock& clock, Metrics& metrics);

// Beside a writer or without one: changes nothing, cuts nothing.
// Threads: one at a time.
class JournalReader {
 public:
  virtual ~JournalReader() = default;
  virtual Result<void> refresh() = 0;  // looks again where the folder begins and ends now
  virtual const Epochs& epochs() const = 0;
  virtual uint32_t partition() const = 0;
  virtual uint64_t begin() const = 0;
  virtual uint64_t end() const = 0;  // behind the last whole record; it may not be durable yet
  virtual Result<ReadResult> read(uint64_t offset, size_t bytes_max) = 0;
};

// not_found where there is no journal in the folder.
Result<std::unique_ptr<JournalReader>> open_journal_reader(const std::string& folder, Files& files);

}  // namespace waybill::journal
