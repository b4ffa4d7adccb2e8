#include "journal/preparer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace waybill::journal {

Preparer::Preparer(PreparerOptions options, Files& files, DiskUse& disk_use)
    : options_(std::move(options)),
      files_(files),
      disk_use_(disk_use),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Preparer::~Preparer() {
  thread_.request_stop();
  thread_.join();
  for (UnusedSegment& unused : ready_) {
    unused.file.reset();
    static_cast<void>(files_.remove(unused.path));  // the next open removes what is left
  }
}

bool Preparer::wait_for(size_t count, std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  wanted_ = std::max(wanted_, count);
  changed_.notify_all();
  changed_.wait_for(lock, at_most, [&] { return ready_.size() >= count || !blocked_.empty(); });
  return ready_.size() >= count;
}

size_t Preparer::ready() const {
  std::lock_guard lock(mutex_);
  return ready_.size();
}

UnusedSegment Preparer::take() {
  std::lock_guard lock(mutex_);
  CHECK(!ready_.empty(), "take() after ready()");
  UnusedSegment unused = std::move(ready_.front());
  ready_.pop_front();
  if (ready_.empty()) wanted_ = 1;
  changed_.notify_all();
  return unused;
}

std::string Preparer::blocked() const {
  std::lock_guard lock(mutex_);
  return blocked_;
}

void Preparer::poke() {
  std::lock_guard lock(mutex_);
  ++pokes_;
  changed_.notify_all();
}

void Preparer::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return ready_.size() < wanted_; })) {
    const uint64_t pokes = pokes_;
    lock.unlock();
    auto made = make(stop);
    lock.lock();
    if (made) {
      if (!blocked_.empty()) log::info("the journal has space again", {{"folder", options_.folder}});
      blocked_.clear();
      ready_.push_back(std::move(*made));
      changed_.notify_all();
      continue;
    }
    if (stop.stop_requested()) return;
    say_blocked(made.error());
    changed_.wait_for(lock, stop, options_.retry, [&] { return pokes_ != pokes; });
  }
}

Result<UnusedSegment> Preparer::make(const std::stop_token& stop) {
  if (!disk_use_.has_room(options_.segment_bytes))
    return fail(Code::overloaded, options_.folder + ": another segment would exceed disk_bytes_max");
  TRY_LET(const uint64_t free, files_.free_bytes(options_.folder));
  // Looked at first so that the last space is not taken from others for the moment that the attempt lasts.
  if (free < options_.segment_bytes)
    return fail(Code::overloaded, options_.folder + ": " + std::to_string(free) +
                                      " bytes are free on the disk, a segment needs " +
                                      std::to_string(options_.segment_bytes));
  disk_use_.add(options_.segment_bytes);
  auto unused = make_unused_segment(files_, options_.folder, ++made_, options_.segment_bytes, stop);
  if (!unused) disk_use_.subtract(options_.segment_bytes);
  return unused;
}

void Preparer::say_blocked(const Error& error) {
  if (blocked_.empty()) log::warning("the journal cannot grow", {{"why", error.message}});
  blocked_ = error.message;
  changed_.notify_all();
}

}  // namespace waybill::journal
