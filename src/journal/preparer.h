// journal/preparer.h — makes the segments that will be needed next, on a thread of its own, before they are needed.
//
// Threads: all methods from any thread.
// Failure: when the disk or the budget is full, or a write fails, it tries again after a pause or a poke(), for ever; what
//          was made half is removed at once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "base/files.h"
#include "base/metrics.h"
#include "journal/segment.h"

namespace waybill::journal {

// The bytes of all segments, the unused ones included.
class DiskUse {
 public:
  DiskUse(uint64_t bytes_max, Gauge& gauge) : bytes_max_(bytes_max), gauge_(gauge) {}

  bool has_room(uint64_t bytes) const { return bytes_max_ == 0 || bytes_ + bytes <= bytes_max_; }
  void add(uint64_t bytes) { gauge_.set(static_cast<double>(bytes_ += bytes)); }
  void subtract(uint64_t bytes) { gauge_.set(static_cast<double>(bytes_ -= bytes)); }
  uint64_t bytes() const { return bytes_; }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_{0};
  Gauge& gauge_;
};

struct PreparerOptions {
  std::string folder;
  uint64_t segment_bytes = 0;
  std::chrono::milliseconds retry{0};
};

class Preparer {
 public:
  Preparer(PreparerOptions options, Files& files, DiskUse& disk_use);
  ~Preparer();  // removes what nobody took
  Preparer(const Preparer&) = delete;
  Preparer& operator=(const Preparer&) = delete;

  // Until `count` segments are ready; false when the time is over or there is no space for them.
  bool wait_for(size_t count, std::chrono::milliseconds at_most);
  size_t ready() const;
  UnusedSegment take();  // one must be ready
  std::string blocked() const;  // why none can be made just now; empty where it can
  void poke();  // there may be space again

 private:
  void run(const std::stop_token& stop);
  Result<UnusedSegment> make(const std::stop_token& stop);
  void say_blocked(const Error& error);

  const PreparerOptions options_;
  Files& files_;
  DiskUse& disk_use_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<UnusedSegment> ready_;
  size_t wanted_ = 1;
  uint64_t made_ = 0;
  uint64_t pokes_ = 0;
  std::string blocked_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace waybill::journal
