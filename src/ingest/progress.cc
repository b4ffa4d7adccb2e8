#include "ingest/progress.h"

#include <vector>

namespace waybill::ingest {

void Progress::when(uint64_t offset, std::function<void()> then) {
  const bool now = waiting_.with([&](auto& waiting) {
    if (visible() >= offset) return true;
    waiting.emplace(offset, std::move(then));
    return false;
  });
  if (now) then();
}

void Progress::reached(uint64_t visible) {
  std::vector<std::function<void()>> ready;
  waiting_.with([&](auto& waiting) {
    visible_.store(visible, std::memory_order_release);
    const auto end = waiting.upper_bound(visible);
    for (auto at = waiting.begin(); at != end; ++at) ready.push_back(std::move(at->second));
    waiting.erase(waiting.begin(), end);
  });
  for (auto& then : ready) then();
}

}  // namespace waybill::ingest
