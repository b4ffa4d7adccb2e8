// app/sync_speed.h — what a write and its sync cost in a folder, as the journal does them.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace waybill::app {

// Write and sync of 4 KiB.
struct SyncSpeed {
  std::chrono::microseconds p50{};
  std::chrono::microseconds p99{};
  double per_second = 0;  // one after the other
};

struct SyncMeasure {
  size_t writes_max = 200;
  std::chrono::milliseconds time_max{3'000};
  std::stop_token stop{};
};

// In a file that has its size already, each write with one sync; the file is removed afterwards.
// Failure: whatever the file system says. unavailable: stopped before the first.
Result<SyncSpeed> measure_sync(const std::string& folder, Clock& clock, const SyncMeasure& measure = {});

}  // namespace waybill::app
