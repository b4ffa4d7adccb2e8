#include "journal/parts.h"

#include "journal/recover.h"

namespace waybill::journal {
namespace {

constexpr uint64_t first_bytes = 4 << 20;  // of the segment with which an epoch begins: more than any frame needs

// Where the frames end whose records are below `end`.
Result<uint64_t> place_of(Files& files, const std::string& folder, const Segment& segment, uint64_t end) {
  const std::string path = join_path(folder, segment_name(segment.first()));
  TRY_LET(const auto file, files.open(path, OpenMode::read));
  FrameWalk walk(*file, segment.header.salt, segment_header_bytes, segment.bytes);
  uint64_t next = segment.first();
  while (next < end) {
    TRY_LET(const Decoded decoded, walk.look());
    if (decoded.state != FrameState::whole || decoded.frame.first != next || decoded.frame.end() > end)
      return fail(Code::corrupt, path + ": damaged at byte " + std::to_string(walk.place()) +
                                     ": the records at offsets " + std::to_string(next) + " to " +
                                     std::to_string(end - 1) + " cannot be read");
    next = decoded.frame.end();
    walk.go_to(walk.place() + decoded.frame.bytes());
  }
  return walk.place();
}

}  // namespace

Result<Parts> parts_below(Files& files, const std::string& folder, uint64_t end) {
  Parts parts{.begin = end, .end = end, .partition = 0, .epochs = {}, .segments = {}};
  TRY_LET(const auto firsts, list_segments(files, folder));
  TRY_LET(parts.epochs, read_epochs(files, folder));
  TRY_LET(const auto segments, read_segments(files, folder, firsts, parts.epochs));
  for (size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    parts.partition = segment.header.partition;
    if (segment.first() >= end) break;
    uint64_t bytes = segment.bytes;  // it is left, and so it never changes
    if (i + 1 == segments.size() || segments[i + 1].first() > end) {
      TRY_LET(bytes, place_of(files, folder, segment, end));
    }
    if (parts.segments.empty()) parts.begin = segment.first();
    parts.segments.push_back(
        {.name = segment_name(segment.first()), .first = segment.first(), .salt = segment.header.salt, .bytes = bytes});
  }
  return parts;
}

Result<void> begin_epoch(Files& files, const std::string& folder, const Parts& parts, uint32_t epoch, Time now) {
  std::vector<Epoch> all = parts.epochs.all();
  // An epoch that gave nothing is kept: watermarks may name it.
  all.push_back({.number = epoch, .begin = all.empty() ? 0 : parts.end});
  TRY(make_folder_durably(files, folder));
  TRY(write_epochs(files, folder, Epochs(std::move(all))));
  TRY_LET(UnusedSegment unused, make_unused_segment(files, folder, 0, first_bytes, {}));
  return begin_segment(
      files, folder, unused,
      {.epoch = epoch, .partition = parts.partition, .salt = unused.salt, .first = parts.end, .begun = now});
}

}  // namespace waybill::journal
