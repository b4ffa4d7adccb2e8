#include "journal/shelf.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace waybill::journal {

Shelf::Shelf(Files& files, std::string folder) : files_(files), folder_(std::move(folder)) {}

void Shelf::add(const Segment& segment) {
  std::lock_guard lock(mutex_);
  CHECK(standing_.empty() || standing_.back().segment.first() < segment.first(), "segments are added in order");
  standing_.push_back({.segment = segment, .marks = {}});
}

void Shelf::mark(const Mark& mark) {
  std::lock_guard lock(mutex_);
  auto& marks = standing_.back().marks;
  if (mark.place >= mark_bytes + (marks.empty() ? 0 : marks.back().place)) marks.push_back(mark);
}

void Shelf::drop_oldest() {
  std::lock_guard lock(mutex_);
  const uint64_t first = standing_.front().segment.first();
  standing_.pop_front();
  std::erase_if(open_, [&](const auto& one) { return one.first == first; });
}

Result<void> Shelf::replace(const Segment& segment, const std::optional<std::string>& renamed_from) {
  std::lock_guard lock(mutex_);
  const uint64_t first = segment.first();
  const auto found = std::ranges::find(standing_, first, [](const Standing& one) { return one.segment.first(); });
  if (found == standing_.end())
    return fail(Code::not_found, folder_ + ": there is no segment " + segment_name(first) + " any more");
  if (renamed_from) TRY(files_.rename(*renamed_from, join_path(folder_, segment_name(first))));
  *found = {.segment = segment, .marks = {}};
  std::erase_if(open_, [&](const auto& one) { return one.first == first; });
  for (Remembered& one : remembered_)
    if (one.segment == first) one = {};
  return {};
}

bool Shelf::empty() const {
  std::lock_guard lock(mutex_);
  return standing_.empty();
}

size_t Shelf::size() const {
  std::lock_guard lock(mutex_);
  return standing_.size();
}

std::vector<Segment> Shelf::all() const {
  std::lock_guard lock(mutex_);
  std::vector<Segment> segments;
  for (const Standing& one : standing_) segments.push_back(one.segment);
  return segments;
}

std::optional<Shelf::Closed> Shelf::closed(uint64_t first) const {
  std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(standing_, first, [](const Standing& one) { return one.segment.first(); });
  if (found == standing_.end() || std::next(found) == standing_.end()) return std::nullopt;
  return Closed{.segment = found->segment, .end = std::next(found)->segment.first()};
}

std::vector<SegmentStatus> Shelf::status() const {
  std::lock_guard lock(mutex_);
  std::vector<SegmentStatus> status;
  for (const Standing& one : standing_)
    status.push_back({.first = one.segment.first(), .disk_bytes = one.segment.bytes});
  return status;
}

uint64_t Shelf::begin() const {
  std::lock_guard lock(mutex_);
  return standing_.empty() ? 0 : standing_.front().segment.first();
}

std::optional<Segment> Shelf::last() const {
  std::lock_guard lock(mutex_);
  if (standing_.empty()) return std::nullopt;
  return standing_.back().segment;
}

std::optional<Segment> Shelf::oldest_below(uint64_t offset) const {
  std::lock_guard lock(mutex_);
  if (standing_.size() < 2 || standing_[1].segment.first() > offset) return std::nullopt;
  return standing_.front().segment;
}

Result<ReadResult> Shelf::read(uint64_t offset, uint64_t end, size_t bytes_max) {
  ReadResult result{.first = offset, .records = {}};
  uint64_t next = offset;
  uint32_t epoch = 0;
  while (next < end) {
    TRY_LET(const Spot spot, find(next));
    if (next == offset) epoch = spot.segment.header.epoch;
    if (spot.segment.header.epoch != epoch) break;
    const auto filled = read_segment(spot, next, end, bytes_max, result.records);
    if (!filled && result.records.empty()) return std::unexpected(filled.error());
    if (!filled || *filled == Filled::yes) break;  // what stands before the damage is given first
  }
  return result;
}

Result<Shelf::Spot> Shelf::find(uint64_t offset) {
  std::lock_guard lock(mutex_);
  const auto behind =
      std::ranges::upper_bound(standing_, offset, {}, [](const Standing& one) { return one.segment.first(); });
  if (behind == standing_.begin()) {
    const std::string begin = standing_.empty() ? "nothing" : std::to_string(standing_.front().segment.first());
    return fail(Code::not_found,
                folder_ + ": offset " + std::to_string(offset) + " is not kept, the journal begins at " + begin);
  }
  const Standing& found = *std::prev(behind);
  Spot spot{.segment = found.segment,
            .file = {},
            .next_segment = {},
            .from = {.offset = found.segment.first(), .place = segment_header_bytes}};
  if (behind != standing_.end()) spot.next_segment = behind->segment.first();
  const auto mark = std::ranges::upper_bound(found.marks, offset, {}, &Mark::offset);
  if (mark != found.marks.begin()) spot.from = *std::prev(mark);
  for (const Remembered& one : remembered_) {
    if (one.offset == offset && one.segment == found.segment.first() && one.at.place > spot.from.place)
      spot.from = one.at;
  }
  TRY_LET(spot.file, file_of(found.segment));
  return spot;
}

Result<std::shared_ptr<File>> Shelf::file_of(const Segment& segment) {
  const auto kept = std::ranges::find(open_, segment.first(), [](const auto& one) { return one.first; });
  if (kept != open_.end()) {
    auto file = kept->second;
    if (std::next(kept) != open_.end()) {
      open_.erase(kept);
      open_.emplace_back(segment.first(), file);
    }
    return file;
  }
  TRY_LET(std::shared_ptr<File> file, files_.open(join_path(folder_, segment_name(segment.first())), OpenMode::read));
  if (open_.size() == open_files_max) open_.pop_front();
  open_.emplace_back(segment.first(), file);
  return file;
}

// Reads on from `next`, moves it behind what it took.
Result<Shelf::Filled> Shelf::read_segment(const Spot& spot, uint64_t& next, uint64_t end, size_t bytes_max,
                                          Records& records) {
  const uint64_t here_end = std::min(end, spot.next_segment.value_or(end));
  FrameWalk walk(*spot.file, spot.segment.header.salt, spot.from.place, spot.segment.bytes);
  Mark at = spot.from;
  while (next < here_end) {
    TRY_LET(const Decoded decoded, walk.look());
    const Frame& frame = decoded.frame;
    const bool whole = decoded.state == FrameState::whole && frame.first == at.offset &&
                       (!spot.next_segment || frame.end() <= *spot.next_segment);
    const size_t before = records.size();
    const Taken taken = !whole                ? Taken::malformed
                        : frame.end() <= next ? Taken::all
                                              : take_records(frame, next, here_end, bytes_max, records);
    if (taken == Taken::malformed) {
      TRY_LET(at, beyond_damage(spot, at, next, here_end));
      walk.go_to(at.place);
      continue;
    }
    next += records.size() - before;
    if (taken == Taken::some) {
      remember(next, spot, at);
      return Filled::yes;
    }
    learn(spot, at);
    at = {.offset = frame.end(), .place = at.place + frame.bytes()};
    walk.go_to(at.place);
  }
  remember(next, spot, at);
  return Filled::no;
}

// What is damaged is never skipped unless the caller asks for something behind it.
Result<Mark> Shelf::beyond_damage(const Spot& spot, const Mark& damaged, uint64_t wanted, uint64_t end) const {
  TRY_LET(const auto found, find_frame(*spot.file, spot.segment, damaged.place + 1, damaged.offset + 1, 0));
  if (found && found->offset <= wanted && found->offset < end) return *found;
  const uint64_t damage_end = found ? std::min(found->offset, end) : end;
  return fail(Code::corrupt, join_path(folder_, segment_name(spot.segment.first())) + ": damaged at byte " +
                                 std::to_string(damaged.place) + ": the records at offsets " +
                                 std::to_string(damaged.offset) + " to " + std::to_string(damage_end - 1) +
                                 " cannot be read");
}

void Shelf::learn(const Spot& spot, const Mark& mark) {
  std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find(standing_, spot.segment.first(), [](const Standing& one) { return one.segment.first(); });
  if (found == standing_.end() || found->segment.header.salt != spot.segment.header.salt)
    return;  // trimmed or replaced meanwhile
  auto& marks = found->marks;
  const auto behind = std::ranges::upper_bound(marks, mark.place, {}, &Mark::place);
  const uint64_t before = behind == marks.begin() ? 0 : std::prev(behind)->place;
  const bool room = behind == marks.end() || behind->place >= mark.place + mark_bytes;
  if (room && mark.place >= before + mark_bytes) marks.insert(behind, mark);
}

void Shelf::remember(uint64_t offset, const Spot& spot, const Mark& at) {
  std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find(standing_, spot.segment.first(), [](const Standing& one) { return one.segment.first(); });
  if (found == standing_.end() || found->segment.header.salt != spot.segment.header.salt) return;
  const Remembered remembered{.offset = offset, .segment = spot.segment.first(), .at = at};
  for (Remembered& one : remembered_) {
    // The same reader, a step further: it asked from where it now stands.
    if (one.segment == remembered.segment && one.offset <= offset && one.at.place >= spot.from.place &&
        one.at.place <= at.place) {
      one = remembered;
      return;
    }
  }
  remembered_[next_remembered_] = remembered;
  next_remembered_ = (next_remembered_ + 1) % remembered_max;
}

}  // namespace waybill::journal
