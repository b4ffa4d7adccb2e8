#include "journal/recover.h"

#include <algorithm>

#include "base/log.h"

namespace waybill::journal {
namespace {

constexpr size_t copy_bytes = 1 << 20;

Result<void> remove_unused(Files& files, const std::string& folder) {
  TRY_LET(const auto entries, files.list(folder));
  for (const FileInfo& entry : entries) {
    if (is_unused_segment(entry.name)) TRY(files.remove(join_path(folder, entry.name)));
  }
  return {};
}

// Frames that can be read are not durable for that: the process may have died between write and sync, or a sync failed and
// the system took the bytes for written. So what is not known to be durable is written again, and what is no frame is
// overwritten with zeros, before the journal goes on behind it.
Result<void> settle_tail(File& file, const Tail& tail) {
  std::vector<std::byte> block(copy_bytes);
  for (uint64_t place = tail.synced; place < tail.place;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(block.size(), tail.place - place));
    TRY_LET(const size_t count, file.read_at(place, std::span(block).first(wanted)));
    if (count != wanted) return fail(Code::unavailable, "the last segment became shorter while it was opened");
    TRY(file.write_at(place, Bytes(block).first(count)));
    place += count;
  }
  std::ranges::fill(block, std::byte{0});
  for (uint64_t place = tail.place; place < tail.dirty_end;) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(block.size(), tail.dirty_end - place));
    TRY(file.write_at(place, Bytes(block).first(count)));
    place += count;
  }
  return file.sync();
}

}  // namespace

Result<std::vector<Segment>> read_segments(Files& files, const std::string& folder, const std::vector<uint64_t>& firsts,
                                           Epochs& epochs) {
  std::vector<Segment> segments;
  segments.reserve(firsts.size());
  for (const uint64_t first : firsts) {
    TRY_LET(segments.emplace_back(), read_segment(files, folder, first));
    const SegmentHeader& one = segments.back().header;
    if (epochs.empty()) epochs = Epochs({{.number = one.epoch, .begin = 0}});
    const uint32_t epoch = epochs.of(first);
    const uint32_t partition = segments.front().header.partition;
    if (one.epoch != epoch || one.partition != partition) {
      return fail(Code::corrupt, join_path(folder, segment_name(first)) + ": is of epoch " + std::to_string(one.epoch) +
                                     ", partition " + std::to_string(one.partition) + ", expected epoch " +
                                     std::to_string(epoch) + ", partition " + std::to_string(partition) +
                                     " as the segments before it");
    }
  }
  return segments;
}

Result<void> check_tail(const std::string& folder, const Segment& segment, const Tail& tail) {
  if (!tail.behind) return {};
  const std::string range = tail.behind->offset > tail.next
                                ? "the records at offsets " + std::to_string(tail.next) + " to " +
                                      std::to_string(tail.behind->offset - 1) + " cannot be read"
                                : "the records from offset " + std::to_string(tail.next) + " on cannot be trusted";
  return fail(Code::corrupt, join_path(folder, segment_name(segment.first())) + ": damaged at byte " +
                                 std::to_string(tail.place) + ": " + range +
                                 ". They had been durable; nothing was changed. Restore the file from a copy");
}

Result<Recovered> recover(Files& files, const std::string& folder) {
  TRY(make_folder_durably(files, folder));
  TRY_LET(const auto firsts, list_segments(files, folder));
  Recovered recovered;
  TRY_LET(recovered.epochs, read_epochs(files, folder));
  if (firsts.empty() && !recovered.epochs.empty())
    return fail(Code::corrupt, folder + ": has epochs but no segments: they are gone");
  TRY_LET(recovered.segments, read_segments(files, folder, firsts, recovered.epochs));
  if (!recovered.segments.empty()) {
    const Segment& last = recovered.segments.back();
    TRY_LET(recovered.last, files.open(join_path(folder, segment_name(last.first())), OpenMode::read_write));
    const Mark begin{.offset = last.first(), .place = segment_header_bytes};
    TRY_LET(recovered.tail, find_tail(*recovered.last, last, begin));
    TRY(check_tail(folder, last, recovered.tail));
    if (recovered.tail.dirty_end > recovered.tail.place) {
      log::warning("the journal's end was torn, what nobody was told of is cut",
                   {{"segment", segment_name(last.first())},
                    {"place", recovered.tail.place},
                    {"bytes", recovered.tail.dirty_end - recovered.tail.place},
                    {"end", recovered.tail.next}});
    }
    TRY(settle_tail(*recovered.last, recovered.tail));
  }
  TRY(remove_unused(files, folder));
  TRY(files.sync_folder(folder));  // a name that can be seen is not durable for that
  return recovered;
}

}  // namespace waybill::journal
