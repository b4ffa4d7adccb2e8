// app/bench/load.h — one kind of request, as fast as the answers come, over so many connections: how many, how slow, how many bad.
//
// Failure: unavailable where the server cannot be connected to. What goes wrong afterwards is counted.
// Limits:  once the time is over, what is under way may take answer_wait_max; then it counts as bad.
#pragma once

#include <cstdint>
#include <optional>

#include "app/bench/loop.h"

namespace waybill::app::bench {

inline constexpr std::chrono::seconds answer_wait_max{10};

struct LoadOptions {
  Target target{};
  const Requests& requests;
  uint32_t connections = 1;
  Duration time{};
  std::optional<uint64_t> requests_max{};  // ends after so many, where that comes before the time
  std::stop_token stop{};
};

struct LoadResult {
  uint64_t sent = 0;  // requests
  uint64_t good = 0;
  uint64_t bad = 0;  // another answer than the one that there should be, or none
  double seconds = 0;  // from the first request to the last answer
  double p50_us = 0;  // of all answers
  double p99_us = 0;
  Duration cpu{};  // of this process meanwhile
  std::string first_bad{};  // what was wrong with it

  double per_second() const { return seconds > 0 ? static_cast<double>(good) / seconds : 0; }
};

// `begin` is called when the connections stand, before the first request: whoever measures something beside us begins then.
Result<LoadResult> run_load(const LoadOptions& options, Clock& clock, const std::function<void()>& begin = {});

}  // namespace waybill::app::bench
