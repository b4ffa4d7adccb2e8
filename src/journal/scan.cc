#include "journal/scan.h"

#include <algorithm>
#include <cstring>

namespace waybill::journal {
namespace {

constexpr size_t block_bytes_min = 32 << 10;
constexpr size_t block_bytes_max = 1 << 20;
constexpr std::string_view magic_text = "WRF1";

bool all_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Gives visit(place, bytes) the blocks of [place, limit), each beginning with the last `overlap` bytes of the one before;
// it says whether to go on.
template <class Visit>
Result<void> each_block(const File& file, uint64_t place, uint64_t limit, size_t overlap, Visit visit) {
  std::vector<std::byte> block(
      static_cast<size_t>(std::min<uint64_t>(block_bytes_max, limit > place ? limit - place : 0)));
  while (place < limit) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(block.size(), limit - place));
    TRY_LET(const size_t count, file.read_at(place, std::span(block).first(wanted)));
    TRY_LET(const bool more, visit(place, Bytes(block).first(count)));
    if (!more || count < wanted || count <= overlap || place + count >= limit) return {};
    place += count - overlap;
  }
  return {};
}

}  // namespace

FrameWalk::FrameWalk(const File& file, uint32_t salt, uint64_t place, uint64_t limit)
    : file_(file), salt_(salt), place_(place), limit_(limit), next_capacity_(block_bytes_min) {}

Result<Bytes> FrameWalk::bytes_here(size_t wanted) {
  const bool inside = place_ >= block_place_ && place_ <= block_place_ + block_bytes_;
  const size_t skipped = inside ? static_cast<size_t>(place_ - block_place_) : block_bytes_;
  const uint64_t left = place_ < limit_ ? limit_ - place_ : 0;
  wanted = static_cast<size_t>(std::min<uint64_t>(wanted, left));
  if (block_bytes_ - skipped < wanted) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(std::max(wanted, next_capacity_), left));
    if (count > capacity_) {
      block_ = std::make_unique_for_overwrite<std::byte[]>(count);
      capacity_ = count;
    }
    next_capacity_ = std::min(next_capacity_ * 2, block_bytes_max);
    block_place_ = place_;
    block_bytes_ = 0;
    TRY_LET(block_bytes_, file_.read_at(place_, std::span(block_.get(), count)));
    return Bytes(block_.get(), block_bytes_);
  }
  return Bytes(block_.get(), block_bytes_).subspan(skipped);
}

Result<Decoded> FrameWalk::look() {
  TRY_LET(Bytes bytes, bytes_here(frame_header_bytes));
  Decoded decoded = decode_frame(bytes, salt_);
  if (decoded.state != FrameState::cut) return decoded;
  const size_t needed = decoded.needed;
  TRY_LET(bytes, bytes_here(needed));
  decoded = decode_frame(bytes, salt_);
  if (decoded.state == FrameState::cut) decoded.state = FrameState::damaged;  // it would go beyond the segment's end
  return decoded;
}

Result<std::optional<Mark>> find_frame(const File& file, const Segment& segment, uint64_t place, uint64_t first_min,
                                       uint64_t synced_min) {
  FrameWalk walk(file, segment.header.salt, place, segment.bytes);
  std::optional<Mark> found;
  uint64_t skip_to = place;  // what stands inside a whole frame is its records
  const auto look_at = [&](uint64_t candidate) -> Result<void> {
    walk.go_to(candidate);
    TRY_LET(const Decoded decoded, walk.look());
    if (decoded.state != FrameState::whole) return {};
    skip_to = candidate + decoded.frame.bytes();
    if (decoded.frame.first >= first_min && decoded.frame.synced >= synced_min && decoded.frame.synced <= candidate)
      found = Mark{.offset = decoded.frame.first, .place = candidate};
    return {};
  };
  const auto visit = [&](uint64_t block_place, Bytes block) -> Result<bool> {
    if (all_zero(block)) return true;
    const std::string_view text = as_text(block);
    for (size_t at = text.find(magic_text); at != text.npos && !found; at = text.find(magic_text, at + 1)) {
      if (block_place + at >= skip_to) TRY(look_at(block_place + at));
    }
    return !found;
  };
  TRY(each_block(file, place, segment.bytes, magic_text.size() - 1, visit));
  return found;
}

Result<Tail> find_tail(const File& file, const Segment& segment, const Mark& from) {
  Tail tail{.place = from.place, .next = from.offset, .behind = {}, .marks = {}};
  FrameWalk walk(file, segment.header.salt, from.place, segment.bytes);
  for (;;) {
    TRY_LET(const Decoded decoded, walk.look());
    const Frame& frame = decoded.frame;
    if (decoded.state != FrameState::whole || frame.first != tail.next || frame.synced > tail.place) break;
    if (tail.place >= mark_bytes + (tail.marks.empty() ? 0 : tail.marks.back().place))
      tail.marks.push_back({.offset = tail.next, .place = tail.place});
    tail.synced = std::max(tail.synced, frame.synced);
    tail.next = frame.end();
    tail.place += frame.bytes();
    walk.go_to(tail.place);
  }
  tail.dirty_end = tail.place;
  TRY(each_block(file, tail.place, segment.bytes, 0, [&](uint64_t place, Bytes block) -> Result<bool> {
    if (all_zero(block)) return true;
    size_t end = block.size();
    while (block[end - 1] == std::byte{0}) --end;
    tail.dirty_end = place + end;
    return true;
  }));
  if (tail.dirty_end > tail.place) {
    TRY_LET(tail.behind, find_frame(file, segment, tail.place, tail.next, tail.place + 1));
  }
  return tail;
}

}  // namespace waybill::journal
