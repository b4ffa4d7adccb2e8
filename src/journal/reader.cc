#include <algorithm>
#include <optional>
#include <utility>

#include "journal/journal.h"
#include "journal/recover.h"
#include "journal/shelf.h"

namespace waybill::journal {
namespace {

constexpr int list_attempts_max = 5;  // a writer may trim between our listing and our opening

class FolderReader final : public JournalReader {
 public:
  FolderReader(Files& files, std::string folder) : files_(files), folder_(std::move(folder)), shelf_(files, folder_) {}

  Result<void> refresh() override {
    for (int attempt = 1;; ++attempt) {
      TRY_LET(const auto firsts, list_segments(files_, folder_));
      if (firsts.empty()) return fail(Code::not_found, folder_ + ": holds no journal");
      const auto looked = look_at_segments(firsts);
      if (looked) break;
      if (looked.error().code != Code::not_found || attempt == list_attempts_max) return looked;
    }
    return look_at_tail();
  }

  const Epochs& epochs() const override { return epochs_; }
  uint32_t partition() const override { return partition_; }
  uint64_t begin() const override { return shelf_.begin(); }
  uint64_t end() const override { return tail_.offset; }
  // A segment may have been replaced by its writer since we looked at it: what looks like damage then is another file.
  Result<ReadResult> read(uint64_t offset, size_t bytes_max) override {
    Result<ReadResult> read = shelf_.read(offset, tail_.offset, bytes_max);
    if (read || read.error().code != Code::corrupt) return read;
    TRY_LET(const bool others, look_for_replaced());
    if (!others) return read;
    return shelf_.read(offset, tail_.offset, bytes_max);
  }

 private:
  Result<void> look_at_segments(const std::vector<uint64_t>& firsts) {
    const auto last = shelf_.last();
    const auto is_new = [&](uint64_t first) { return !last || first > last->first(); };
    if (epochs_.empty()) {
      TRY_LET(epochs_, read_epochs(files_, folder_));
    }
    TRY_LET(const auto added,
            read_segments(files_, folder_, {std::ranges::find_if(firsts, is_new), firsts.end()}, epochs_));
    for (const Segment& segment : added) {
      shelf_.add(segment);
      tail_ = {.offset = segment.first(), .place = segment_header_bytes};
      partition_ = segment.header.partition;
    }
    while (shelf_.size() > 1 && shelf_.begin() < firsts.front()) shelf_.drop_oldest();
    return {};
  }

  Result<bool> look_for_replaced() {
    bool any = false;
    for (const Segment& known : shelf_.all()) {
      const auto now = read_segment(files_, folder_, known.first());
      if (!now || now->header.salt == known.header.salt) continue;
      TRY(shelf_.replace(*now, std::nullopt));
      any = true;
    }
    return any;
  }

  // Beside a writer a frame may be seen half. What looks like damage is looked at again: had it only been on its way when
  // we passed, then it is there now, for what stands behind it was written later.
  Result<void> look_at_tail() {
    const Segment last = *shelf_.last();
    TRY_LET(const auto file, files_.open(join_path(folder_, segment_name(last.first())), OpenMode::read));
    std::optional<uint64_t> suspected;
    for (;;) {
      TRY_LET(const Tail tail, find_tail(*file, last, tail_));
      tail_ = {.offset = tail.next, .place = tail.place};
      for (const Mark& mark : tail.marks) shelf_.mark(mark);
      if (!tail.behind) return {};
      if (suspected == tail.place) return check_tail(folder_, last, tail);
      suspected = tail.place;
    }
  }

  Files& files_;
  const std::string folder_;
  Shelf shelf_;
  Epochs epochs_;
  uint32_t partition_ = 0;
  Mark tail_;  // behind the last whole frame of the last segment
};

}  // namespace

Result<std::unique_ptr<JournalReader>> open_journal_reader(const std::string& folder, Files& files) {
  auto reader = std::make_unique<FolderReader>(files, folder);
  if (auto looked = reader->refresh(); !looked) return fail_in("open_journal_reader", looked.error());
  return reader;
}

}  // namespace waybill::journal
