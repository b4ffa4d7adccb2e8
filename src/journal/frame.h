// journal/frame.h — the frame: records with the offset of the first, written and checked whole. Bytes only, no I/O.
//
// Format: docs/FORMATS.md, Journal, Frame.
#pragma once

#include <string>

#include "journal/journal.h"

namespace waybill::journal {

inline constexpr uint32_t frame_magic = 0x31465257;  // "WRF1"
inline constexpr size_t frame_header_bytes = 32;
inline constexpr size_t payload_bytes_max = record_bytes_max + 8;  // a longer one is not a frame

struct Frame {
  uint32_t count = 0;
  uint64_t first = 0;   // offset of the first record
  uint64_t synced = 0;  // the place in the segment up to which everything was durable when it was written
  Bytes payload;

  size_t bytes() const { return frame_header_bytes + payload.size(); }
  uint64_t end() const { return first + count; }
};

enum class FrameState {
  whole,
  ended,    // zeros instead of a frame, or no room for one
  cut,      // might be whole with `needed` bytes
  damaged,  // anything else
};

struct Decoded {
  FrameState state = FrameState::damaged;
  Frame frame;        // of a whole one; its payload points into the bytes that were given
  size_t needed = 0;  // of a cut one
};

// `salt` is the segment's.
Decoded decode_frame(Bytes bytes, uint32_t salt);

// Of a record in a payload.
size_t encoded_bytes(size_t record_bytes);

// Some of the records that go into one frame.
struct Cut {
  size_t begin = 0;
  size_t end = 0;
  size_t payload_bytes = 0;

  size_t frame_bytes() const { return frame_header_bytes + payload_bytes; }
};

// Adds the frame of these records to `out`.
void encode_frame(const Records& records, const Cut& cut, uint64_t first, uint64_t synced, uint32_t salt,
                  std::string& out);

enum class Taken { all, some, malformed };  // malformed: the payload does not hold what the header says

// Adds the records of the frame with offsets in [from, to) to `records`, as long as these hold nothing or stay within
// bytes_max.
Taken take_records(const Frame& frame, uint64_t from, uint64_t to, size_t bytes_max, Records& records);

}  // namespace waybill::journal
