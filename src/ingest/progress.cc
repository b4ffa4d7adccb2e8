#include "ingest/progress.h"

#include <vector>

namespace waybill::ingest {

void Progress::when(uint64_t offset, std::function<void()> then) {
  {
    std::lock_guard lock(mutex_);
    if (visible() < offset) {
      waiting_.emplace(offset, std::move(then));
      if (waiting_.size() == 1) wanted_.notify_one();
      return;
    }
  }
  then();
}

void Progress::reached(uint64_t visible) {
  std::vector<std::function<void()>> ready;
  {
    std::lock_guard lock(mutex_);
    visible_.store(visible, std::memory_order_release);
    const auto end = waiting_.upper_bound(visible);
    for (auto at = waiting_.begin(); at != end; ++at) ready.push_back(std::move(at->second));
    waiting_.erase(waiting_.begin(), end);
  }
  for (auto& then : ready) then();
}

void Progress::wait_until_wanted(std::chrono::nanoseconds at_most, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  wanted_.wait_for(lock, stop, at_most, [this] { return !waiting_.empty(); });
}

}  // namespace waybill::ingest
