#include "journal/journal.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "journal/frame.h"
#include "journal/preparer.h"
#include "journal/recover.h"
#include "journal/rewrite.h"
#include "journal/shelf.h"

namespace waybill::journal {
namespace {

constexpr uint64_t segment_bytes_min = 4096;
constexpr uint64_t first_segment_bytes_max = 4 << 20;  // of a new folder, so that it opens at once
constexpr size_t buffer_kept_bytes_max = 8 << 20;      // a larger one is given back after its group was written
// How long append waits for a segment that is just being made; then it says overloaded.
constexpr std::chrono::milliseconds segment_wait_max{200};

struct Numbers {
  explicit Numbers(Metrics& metrics)
      : syncs(metrics.counter("waybill_journal_syncs_total", "Groups made durable, each by one write and one sync.")),
        sync_seconds(
            metrics.histogram("waybill_journal_sync_seconds", "Write and sync of a group.", duration_bounds())),
        records(metrics.counter("waybill_journal_records_total", "Records made durable.")),
        bytes(metrics.counter("waybill_journal_bytes_total", "Bytes made durable, frames included.")),
        group_records(metrics.histogram("waybill_journal_group_records", "Records that shared a sync.",
                                        {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000})),
        disk_bytes(metrics.gauge("waybill_journal_disk_bytes", "All segments together, those made ahead included.")),
        unsynced_bytes(metrics.gauge("waybill_journal_unsynced_bytes", "Appended and not yet durable.")) {}

  Counter& syncs;
  Histogram& sync_seconds;
  Counter& records;
  Counter& bytes;
  Histogram& group_records;
  Gauge& disk_bytes;
  Gauge& unsynced_bytes;
};

// A segment that is written, or that will be.
struct Writing {
  UnusedSegment segment;
  bool begun = false;
};

// The part of a group that goes into one segment.
struct Part {
  std::shared_ptr<Writing> writing;  // shared with the plan and with other groups that wait
  uint64_t place = 0;
  uint64_t first = 0;  // offset of its first record
  size_t begin = 0;    // in the group's bytes
};

// What one commit makes durable.
struct Group {
  std::string bytes;
  std::vector<Part> parts;
  uint64_t records = 0;

  void clear() {
    if (bytes.capacity() > buffer_kept_bytes_max) bytes = std::string();
    bytes.clear();
    parts.clear();
    records = 0;
  }
};

// Into frames of at most payload_max, each with at least one record. invalid: a record is too large to be written.
Result<std::vector<Cut>> cut_into_frames(const Records& records, size_t payload_max) {
  std::vector<Cut> cuts;
  size_t from = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const size_t length = records.ends[i] - from;
    const size_t encoded = encoded_bytes(length);
    from = records.ends[i];
    if (length > record_bytes_max || encoded > payload_max)
      return fail(Code::invalid,
                  "append: a record of " + std::to_string(length) + " bytes is larger than record_bytes_max");
    if (cuts.empty() || cuts.back().payload_bytes + encoded > payload_max) cuts.push_back({.begin = i, .end = i});
    cuts.back().end = i + 1;
    cuts.back().payload_bytes += encoded;
  }
  return cuts;
}

class FolderJournal final : public Journal {
 public:
  FolderJournal(JournalOptions options, Files& files, Clock& clock, Metrics& metrics)
      : options_(std::move(options)),
        payload_max_(
            std::min<uint64_t>(payload_bytes_max, options_.segment_bytes - segment_header_bytes - frame_header_bytes)),
        files_(files),
        clock_(clock),
        numbers_(metrics),
        disk_use_(options_.disk_bytes_max, numbers_.disk_bytes),
        shelf_(files, options_.folder) {}

  ~FolderJournal() override {
    if (!preparer_) return;
    if (auto done = commit(); !done)
      log::error("what was appended last is not durable", {{"why", done.error().message}});
  }

  Result<void> open() {
    TRY_LET(Recovered recovered, recover(files_, options_.folder));
    if (recovered.segments.empty()) {
      TRY(begin_folder());
    } else {
      TRY(check_room(recovered));
      take_over(std::move(recovered));
    }
    current_ = plan_;
    preparer_ = std::make_unique<Preparer>(
        PreparerOptions{
            .folder = options_.folder, .segment_bytes = options_.segment_bytes, .retry = options_.space_retry},
        files_, disk_use_);
    return {};
  }

  Result<Appended> append(const Records& records) override {
    TRY_LET(const auto cuts, cut_into_frames(records, payload_max_));
    uint64_t bytes = 0;
    for (const Cut& cut : cuts) bytes += cut.frame_bytes();
    if (bytes > options_.unsynced_bytes_max)
      return fail(Code::invalid,
                  "append: " + std::to_string(bytes) + " bytes at once are more than unsynced_bytes_max");
    std::unique_lock lock(mutex_);
    TRY(make_room(lock, cuts, bytes));
    const Appended appended{.first = appended_end_, .count = records.size()};
    for (const Cut& cut : cuts) put(records, cut);
    unsynced_bytes_ += bytes;
    return appended;
  }

  Result<void> commit() override {
    std::unique_lock lock(mutex_);
    const uint64_t target = appended_end_;
    if (failed_) return failure();
    while (durable_end_ < target) {
      if (failed_) return failure();
      if (leading_) {
        committed_.wait(lock);
      } else {
        lead(lock);
      }
    }
    return {};
  }

  Result<ReadResult> read(uint64_t offset, size_t bytes_max) override {
    return shelf_.read(offset, durable_end_, bytes_max);
  }

  void wait_for(uint64_t offset, std::chrono::milliseconds at_most, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    durable_.wait_for(lock, stop, at_most, [&] { return durable_end_ > offset; });
  }

  Result<void> trim(uint64_t offset) override {
    std::lock_guard lock(trim_mutex_);
    offset = std::min<uint64_t>(offset, durable_end_);
    while (const auto oldest = shelf_.oldest_below(offset)) {
      const std::string path = join_path(options_.folder, segment_name(oldest->first()));
      if (auto removed = files_.remove(path); !removed && removed.error().code != Code::not_found)
        return std::unexpected(std::move(removed.error()));
      shelf_.drop_oldest();
      disk_use_.subtract(oldest->bytes);
      // One after the other, so that no crash can bring one back without those behind it.
      TRY(files_.sync_folder(options_.folder));
      preparer_->poke();
    }
    return {};
  }

  Result<uint64_t> roll() override {
    std::unique_lock lock(mutex_);
    while (true) {
      if (failed_) return failure();
      if (leading_) {
        committed_.wait(lock);
      } else if (durable_end_ < appended_end_) {
        lead(lock);
      } else if (shelf_.last()->first() == appended_end_) {
        return appended_end_;
      } else if (preparer_->ready() > 0) {
        return begin_next(lock);
      } else {
        lock.unlock();
        const bool made = preparer_->wait_for(1, segment_wait_max);
        lock.lock();
        if (!made && preparer_->ready() == 0)
          return fail(Code::overloaded, "roll: the next segment is still being made");
      }
    }
  }

  Result<void> rewrite(uint64_t segment, std::span<const Replacement> replacements) override {
    std::lock_guard lock(trim_mutex_);
    const auto before = shelf_.closed(segment);
    if (!before)
      return fail(Code::not_found,
                  "rewrite: there is no segment " + segment_name(segment) + " that is written no more");
    if (!replacements.empty()) {
      TRY_LET(const Rewritten after,
              write_rewritten(files_, options_.folder, before->segment, before->end, replacements));
      TRY(shelf_.replace(after.segment, after.path));
      disk_use_.add(after.segment.bytes);
      disk_use_.subtract(before->segment.bytes);
    }
    return files_.sync_folder(options_.folder);
  }

  const Epochs& epochs() const override { return epochs_; }
  uint32_t partition() const override { return partition_; }
  uint64_t begin() const override { return shelf_.begin(); }
  uint64_t durable_end() const override { return durable_end_; }

  JournalStatus status() const override {
    std::lock_guard lock(mutex_);
    return {.begin = shelf_.begin(),
            .durable_end = durable_end_,
            .disk_bytes = disk_use_.bytes(),
            .segments = shelf_.status(),
            .full = refused_ && preparer_->ready() == 0,
            .failed = failed_};
  }

 private:
  Result<void> begin_folder() {
    const uint64_t bytes = std::min(options_.segment_bytes, std::max(first_segment_bytes_max, segment_bytes_min));
    epochs_ = Epochs({{.number = options_.epoch, .begin = 0}});
    partition_ = options_.partition;
    plan_ = std::make_shared<Writing>();
    TRY_LET(plan_->segment, make_unused_segment(files_, options_.folder, 0, bytes, {}));
    disk_use_.add(bytes);
    return begin(*plan_, 0);
  }

  void take_over(Recovered recovered) {
    const Segment& last = recovered.segments.back();
    epochs_ = std::move(recovered.epochs);
    partition_ = last.header.partition;
    for (const Segment& segment : recovered.segments) {
      shelf_.add(segment);
      disk_use_.add(segment.bytes);
    }
    for (const Mark& mark : recovered.tail.marks) shelf_.mark(mark);
    plan_ = std::make_shared<Writing>();
    plan_->begun = true;
    plan_->segment.file = std::move(recovered.last);
    plan_->segment.bytes = last.bytes;
    plan_->segment.salt = last.header.salt;
    plan_place_ = recovered.tail.place;
    appended_end_ = recovered.tail.next;
    durable_end_ = recovered.tail.next;
  }

  Result<void> begin(Writing& writing, uint64_t first) {
    const SegmentHeader header{
        .epoch = epoch(), .partition = partition_, .salt = writing.segment.salt, .first = first, .begun = clock_.now()};
    TRY(begin_segment(files_, options_.folder, writing.segment, header));
    writing.begun = true;
    shelf_.add({.header = header, .bytes = writing.segment.bytes});
    return {};
  }

  std::unexpected<Error> failure() const {
    return fail(Code::unavailable, "the journal has failed and must be opened again: " + failed_because_);
  }

  // How many segments beyond the one that the plan has come to.
  size_t segments_needed(const std::vector<Cut>& cuts) const {
    size_t needed = 0;
    uint64_t left = plan_->segment.bytes - std::min(plan_place_, plan_->segment.bytes);
    for (const Cut& cut : cuts) {
      if (cut.frame_bytes() > left) {
        ++needed;
        left = options_.segment_bytes - segment_header_bytes;
      }
      left -= cut.frame_bytes();
    }
    return needed;
  }

  // Everything that is taken has its place in a segment that is on the disk already: a commit never fails for want of space.
  // The segment behind one without a record would have its name.
  Result<void> check_room(const Recovered& recovered) const {
    const Segment& last = recovered.segments.back();
    if (recovered.tail.next > last.first() || last.bytes >= segment_header_bytes + frame_header_bytes + payload_max_)
      return {};
    return fail(Code::corrupt, join_path(options_.folder, segment_name(last.first())) +
                                   ": holds no record and has only " + std::to_string(last.bytes) +
                                   " bytes, too few for one: it was cut off. Restore the file from a copy");
  }

  Result<void> make_room(std::unique_lock<std::mutex>& lock, const std::vector<Cut>& cuts, uint64_t bytes) {
    for (;;) {
      if (failed_) return failure();
      if (unsynced_bytes_ + bytes > options_.unsynced_bytes_max)
        return fail(Code::overloaded, "append: " + std::to_string(unsynced_bytes_) +
                                          " bytes wait to be synced, unsynced_bytes_max is reached");
      const size_t needed = segments_needed(cuts);
      const size_t ready = needed == 0 && !refused_ ? 0 : preparer_->ready();
      if (refused_ && ready == 0) return refuse();
      refused_ = false;
      if (needed <= ready) return {};
      lock.unlock();
      const bool made = preparer_->wait_for(needed, segment_wait_max);
      lock.lock();
      if (!made && preparer_->ready() < needed) return refuse();
    }
  }

  std::unexpected<Error> refuse() {
    refused_ = true;
    const std::string why = preparer_->blocked();
    return fail(Code::overloaded, "append: " + (why.empty() ? "the next segment is still being made" : why));
  }

  void put(const Records& records, const Cut& cut) {
    if (cut.frame_bytes() > plan_->segment.bytes - std::min(plan_place_, plan_->segment.bytes)) {
      plan_ = std::make_shared<Writing>();
      plan_->segment = preparer_->take();
      plan_place_ = segment_header_bytes;
    }
    if (group_.parts.empty() || group_.parts.back().writing != plan_) {
      group_.parts.push_back(
          {.writing = plan_, .place = plan_place_, .first = appended_end_, .begin = group_.bytes.size()});
    }
    // Without syncs nothing behind the header is known to be durable.
    const uint64_t synced = options_.sync ? group_.parts.back().place : segment_header_bytes;
    encode_frame(records, cut, appended_end_, synced, plan_->segment.salt, group_.bytes);
    plan_place_ += cut.frame_bytes();
    appended_end_ += cut.end - cut.begin;
    group_.records += cut.end - cut.begin;
  }

  // Writes all that waits, for everybody who waits.
  void lead(std::unique_lock<std::mutex>& lock) {
    leading_ = true;
    std::swap(group_, in_flight_);
    const uint64_t end = appended_end_;
    numbers_.unsynced_bytes.set(static_cast<double>(unsynced_bytes_));
    lock.unlock();

    const auto began = clock_.steady();
    const Result<void> written = write_group(in_flight_);
    const std::chrono::duration<double> took = clock_.steady() - began;
    const uint64_t bytes = in_flight_.bytes.size();
    const uint64_t records = in_flight_.records;
    in_flight_.clear();

    lock.lock();
    leading_ = false;
    if (written) {
      durable_end_ = end;
      unsynced_bytes_ -= bytes;
      numbers_.unsynced_bytes.set(static_cast<double>(unsynced_bytes_));
    } else {
      failed_ = true;
      failed_because_ = written.error().message;
      log::error("the journal failed: nothing is accepted any more", {{"why", failed_because_}});
    }
    committed_.notify_all();
    durable_.notify_all();
    if (!written) return;
    lock.unlock();
    numbers_.syncs.add();
    numbers_.sync_seconds.observe(took.count());
    numbers_.records.add(records);
    numbers_.bytes.add(bytes);
    numbers_.group_records.observe(static_cast<double>(records));
    lock.lock();
  }

  // Nothing waits and nobody leads.
  Result<uint64_t> begin_next(std::unique_lock<std::mutex>& lock) {
    leading_ = true;
    plan_ = std::make_shared<Writing>();
    plan_->segment = preparer_->take();
    plan_place_ = segment_header_bytes;
    const auto next = plan_;  // appends go on meanwhile
    const uint64_t end = appended_end_;
    lock.unlock();
    const Result<void> begun = roll_to({.writing = next, .first = end});
    lock.lock();
    leading_ = false;
    committed_.notify_all();
    if (begun) return end;
    failed_ = true;
    failed_because_ = begun.error().message;
    log::error("the journal failed: nothing is accepted any more", {{"why", failed_because_}});
    durable_.notify_all();
    return failure();
  }

  // Only the leader comes here.
  Result<void> write_group(const Group& group) {
    for (size_t i = 0; i < group.parts.size(); ++i) {
      const Part& part = group.parts[i];
      if (part.writing != current_) TRY(roll_to(part));
      const size_t end = i + 1 < group.parts.size() ? group.parts[i + 1].begin : group.bytes.size();
      TRY(current_->segment.file->write_at(part.place,
                                           waybill::as_bytes(group.bytes).subspan(part.begin, end - part.begin)));
      if (options_.sync) TRY(current_->segment.file->sync());
      shelf_.mark({.offset = part.first, .place = part.place});
    }
    return {};
  }

  Result<void> roll_to(const Part& part) {
    if (!options_.sync) TRY(current_->segment.file->sync());  // a segment is left only when all of it is durable
    TRY(begin(*part.writing, part.first));
    current_ = part.writing;
    return {};
  }

  const JournalOptions options_;
  const size_t payload_max_;
  Files& files_;
  Clock& clock_;
  Numbers numbers_;
  DiskUse disk_use_;
  Shelf shelf_;
  Epochs epochs_;
  uint32_t partition_ = 0;

  mutable std::mutex mutex_;  // of all below but durable_end_, which it guards when it changes
  std::condition_variable committed_;
  std::condition_variable_any durable_;
  Group group_;  // waits for the next commit
  std::shared_ptr<Writing> plan_;  // where the next frame goes
  uint64_t plan_place_ = segment_header_bytes;
  uint64_t appended_end_ = 0;
  std::atomic<uint64_t> durable_end_{0};
  uint64_t unsynced_bytes_ = 0;
  bool refused_ = false;  // the last append found no segment
  bool leading_ = false;
  bool failed_ = false;
  std::string failed_because_;

  Group in_flight_;  // the leader's
  std::shared_ptr<Writing> current_;  // the leader's: where it wrote last

  std::mutex trim_mutex_;
  std::unique_ptr<Preparer> preparer_;  // last: it stops first
};

Result<void> check_options(const JournalOptions& options) {
  if (options.segment_bytes < segment_bytes_min || options.segment_bytes > (uint64_t{1} << 40))
    return fail(Code::invalid, "segment_bytes must be from " + std::to_string(segment_bytes_min) + " to 2^40");
  if (options.disk_bytes_max != 0 && options.disk_bytes_max < 2 * options.segment_bytes)
    return fail(Code::invalid, "disk_bytes_max must hold two segments: the one being written and the next");
  if (options.unsynced_bytes_max < segment_bytes_min)
    return fail(Code::invalid, "unsynced_bytes_max must be at least " + std::to_string(segment_bytes_min));
  return {};
}

}  // namespace

Result<std::unique_ptr<Journal>> open_journal(JournalOptions options, Files& files, Clock& clock, Metrics& metrics) {
  if (auto checked = check_options(options); !checked) return fail_in("open_journal", checked.error());
  auto journal = std::make_unique<FolderJournal>(std::move(options), files, clock, metrics);
  if (auto opened = journal->open(); !opened) return fail_in("open_journal", opened.error());
  return journal;
}

}  // namespace waybill::journal
