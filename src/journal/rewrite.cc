#include "journal/rewrite.h"

#include "base/random.h"
#include "journal/scan.h"

namespace waybill::journal {
namespace {

constexpr std::string_view temporary_name =
    "next-rewritten.tmp";  // removed when the journal is opened, as all of that form
constexpr size_t write_bytes = 1 << 20;

// Frames behind one another into a file, written in large pieces.
class FrameWriter {
 public:
  FrameWriter(File& file, uint32_t salt) : file_(file), salt_(salt) {}

  Result<void> add(const Records& records, uint64_t first) {
    Cut cut;
    for (size_t i = 0; i < records.size(); ++i) {
      const size_t encoded = encoded_bytes(records[i].size());
      // What stands now instead may be longer than what was: then one frame becomes two.
      if (cut.end > cut.begin && cut.payload_bytes + encoded > payload_bytes_max) {
        encode_frame(records, cut, first + cut.begin, segment_header_bytes, salt_, waiting_);
        cut = {.begin = i, .end = i};
      }
      cut.end = i + 1;
      cut.payload_bytes += encoded;
    }
    encode_frame(records, cut, first + cut.begin, segment_header_bytes, salt_, waiting_);
    if (waiting_.size() < write_bytes) return {};
    return put();
  }

  Result<void> put() {
    TRY(file_.write_at(place_, waybill::as_bytes(waiting_)));
    place_ += waiting_.size();
    waiting_.clear();
    return {};
  }

  uint64_t place() const { return place_; }

 private:
  File& file_;
  const uint32_t salt_;
  std::string waiting_;
  uint64_t place_ = segment_header_bytes;
};

// The frame's records, with those at its offsets that are replaced; `next` moves behind these.
Records with_replacements(const Records& records, uint64_t first, std::span<const Replacement>& next) {
  Records changed;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!next.empty() && next.front().offset == first + i) {
      changed.bytes += next.front().record;
      next = next.subspan(1);
    } else {
      changed.bytes += as_text(records[i]);
    }
    changed.ends.push_back(changed.bytes.size());
  }
  return changed;
}

Result<uint64_t> write_frames(const File& from, const Segment& segment, uint64_t end,
                              std::span<const Replacement> replacements, File& to, uint32_t salt) {
  FrameWriter writer(to, salt);
  FrameWalk walk(from, segment.header.salt, segment_header_bytes, segment.bytes);
  uint64_t next = segment.first();
  Records records;
  while (next < end) {
    TRY_LET(const Decoded decoded, walk.look());
    const Frame& frame = decoded.frame;
    records.clear();
    if (decoded.state != FrameState::whole || frame.first != next ||
        take_records(frame, next, frame.end(), SIZE_MAX, records) != Taken::all)
      return fail(Code::corrupt, segment_name(segment.first()) + ": damaged at byte " + std::to_string(walk.place()) +
                                     ": it cannot be written anew");
    TRY(writer.add(with_replacements(records, next, replacements), next));
    next = frame.end();
    walk.go_to(walk.place() + frame.bytes());
  }
  if (!replacements.empty())
    return fail(Code::invalid, "rewrite: offset " + std::to_string(replacements.front().offset) + " is not in " +
                                   segment_name(segment.first()));
  TRY(writer.put());
  return writer.place();
}

}  // namespace

Result<Rewritten> write_rewritten(Files& files, const std::string& folder, const Segment& segment, uint64_t end,
                                  std::span<const Replacement> replacements) {
  const std::string path = join_path(folder, temporary_name);
  // One that failed half may have left it.
  if (auto removed = files.remove(path); !removed && removed.error().code != Code::not_found)
    return std::unexpected(std::move(removed.error()));
  TRY_LET(const auto from, files.open(join_path(folder, segment_name(segment.first())), OpenMode::read));
  Rewritten rewritten{.segment = segment, .path = path};
  rewritten.segment.header.salt = static_cast<uint32_t>(random_seed());
  const auto write = [&]() -> Result<void> {
    TRY_LET(const auto to, files.open(path, OpenMode::create));
    TRY(to->write_at(0, encode_segment_header(rewritten.segment.header)));
    TRY_LET(rewritten.segment.bytes,
            write_frames(*from, segment, end, replacements, *to, rewritten.segment.header.salt));
    return to->sync();
  };
  if (auto written = write(); !written) {
    static_cast<void>(files.remove(path));  // its failure changes nothing: the next one removes it
    return std::unexpected(std::move(written.error()));
  }
  return rewritten;
}

}  // namespace waybill::journal
