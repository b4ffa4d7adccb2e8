// journal/segment.h — a segment file: its name, its header, and how one is made full of zeros and put in its place.
//
// Format: docs/FORMATS.md, Journal, Segment.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"

namespace waybill::journal {

inline constexpr uint32_t segment_version = 1;
inline constexpr size_t segment_header_bytes = 64;

struct SegmentHeader {
  uint32_t epoch = 0;
  uint32_t partition = 0;
  uint32_t salt = 0;   // begins the checksums of its frames
  uint64_t first = 0;  // offset of the first record
  Time begun{};

  bool operator==(const SegmentHeader&) const = default;
};

std::array<std::byte, segment_header_bytes> encode_segment_header(const SegmentHeader& header);
// `name` is for the message. corrupt; invalid where a newer program wrote it.
Result<SegmentHeader> decode_segment_header(Bytes bytes, const std::string& name);

std::string segment_name(uint64_t first);
std::optional<uint64_t> parse_segment_name(std::string_view name);
bool is_unused_segment(std::string_view name);  // made ahead and never begun

// A segment that has its place in the folder.
struct Segment {
  SegmentHeader header;
  uint64_t bytes = 0;  // of the file

  uint64_t first() const { return header.first; }
};

// The first offsets of the folder's segments by their names, ascending. not_found where there is no folder.
Result<std::vector<uint64_t>> list_segments(const Files& files, const std::string& folder);
Result<Segment> read_segment(Files& files, const std::string& folder, uint64_t first);

// A file of zeros that is to be a segment, synced, under a name of its own.
struct UnusedSegment {
  std::unique_ptr<File> file;
  std::string path;
  uint64_t bytes = 0;
  uint32_t salt = 0;
};

// Removes what it made when it fails or is stopped.
Result<UnusedSegment> make_unused_segment(Files& files, const std::string& folder, uint64_t number, uint64_t bytes,
                                          const std::stop_token& stop);
// Header, sync, name, sync of the folder: from then on frames may be written.
Result<void> begin_segment(Files& files, const std::string& folder, UnusedSegment& unused, const SegmentHeader& header);

}  // namespace waybill::journal
