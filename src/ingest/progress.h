// ingest/progress.h — how far the store shows what the journal holds, for those who wait to read what they wrote.
//
// Threads: all methods from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>

namespace waybill::ingest {

class Progress {
 public:
  // Offset behind the last position that reads can see.
  uint64_t visible() const { return visible_.load(std::memory_order_acquire); }

  // Calls `then` once, when visible() >= offset: at once, or later from the subscriber's thread (keep it short: post
  // elsewhere). It must stay callable until then.
  void when(uint64_t offset, std::function<void()> then);

  void reached(uint64_t visible);  // by the subscriber; never goes back

  // Until somebody waits for what is not visible yet, the time is over or stop is asked for. By the subscriber.
  void wait_until_wanted(std::chrono::nanoseconds at_most, const std::stop_token& stop);

 private:
  std::atomic<uint64_t> visible_{0};
  std::mutex mutex_;  // of what follows, and of a change of visible_
  std::condition_variable_any wanted_;
  std::multimap<uint64_t, std::function<void()>> waiting_;
};

}  // namespace waybill::ingest
