// base/clock.h — where time comes from; tests set it by hand.
#pragma once

#include <atomic>
#include <chrono>

namespace waybill {

// A moment on the world's clock, UTC, in microseconds since 1970.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

inline constexpr Time at_us(int64_t microseconds) { return Time(Duration(microseconds)); }
inline constexpr int64_t to_us(Time time) { return time.time_since_epoch().count(); }

// Threads: all methods from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;  // may jump both ways
  virtual std::chrono::steady_clock::time_point steady() const = 0;  // never goes back
};

// The machine's own clock; lives as long as the process.
Clock& system_clock();

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Time start) : now_us_(to_us(start)) {}
  Time now() const override { return at_us(now_us_.load()); }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(Duration(steady_us_.load()));
  }
  void advance(Duration by) {
    now_us_ += by.count();
    steady_us_ += by.count();
  }
  void jump(Duration by) { now_us_ += by.count(); }  // the wall clock alone, as a wrong NTP step does

 private:
  std::atomic<int64_t> now_us_;
  std::atomic<int64_t> steady_us_{0};
};

}  // namespace waybill
