// journal/scan.h — walks the frames of a segment file, finds them behind damage, and says where the last segment ends.
//
// Threads: one at a time.
// Failure: what the file answers; damage is an answer here, not a failure.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "journal/frame.h"
#include "journal/segment.h"

namespace waybill::journal {

// Reads ahead in growing blocks: a few records at the end cost a small read, a whole segment few large ones.
class FrameWalk {
 public:
  FrameWalk(const File& file, uint32_t salt, uint64_t place, uint64_t limit);

  // The frame at place(). It is valid until the next call.
  Result<Decoded> look();
  void go_to(uint64_t place) { place_ = place; }
  uint64_t place() const { return place_; }

 private:
  Result<Bytes> bytes_here(size_t wanted);

  const File& file_;
  const uint32_t salt_;
  uint64_t place_;
  const uint64_t limit_;
  std::unique_ptr<std::byte[]> block_;
  size_t capacity_ = 0;
  size_t next_capacity_;
  uint64_t block_place_ = 0;
  size_t block_bytes_ = 0;
};

// A frame, and where it stands.
struct Mark {
  uint64_t offset = 0;  // of its first record
  uint64_t place = 0;
};

// The first whole frame at or behind `place` whose records begin at `first_min` or later and whose `synced` is at least
// `synced_min`.
Result<std::optional<Mark>> find_frame(const File& file, const Segment& segment, uint64_t place, uint64_t first_min,
                                       uint64_t synced_min);

inline constexpr uint64_t mark_bytes = 256 << 10;  // about as much lies between two remembered places of a segment

// Where the frames of a segment end.
struct Tail {
  uint64_t place = segment_header_bytes;  // behind the last whole frame
  uint64_t next = 0;  // the offset behind its last record
  uint64_t synced = segment_header_bytes;  // of all frames: up to here everything is known to be durable
  uint64_t dirty_end = segment_header_bytes;  // behind it there are only zeros
  std::optional<Mark> behind;  // proves that what stood at `place` had been durable: it is damaged
  std::vector<Mark> marks;
};

// From a known frame boundary `from` on.
Result<Tail> find_tail(const File& file, const Segment& segment, const Mark& from);

}  // namespace waybill::journal
