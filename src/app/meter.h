// app/meter.h — how many, how fast, how slow: what simulate and replay show while they run.
//
// Threads: Meter: all methods from any thread. ProgressLine: one thread.
// Limits:  a percentile is the upper edge of its bucket, at most 1/16 above the true value; beyond latency_us_max it is that.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace waybill::app {

inline constexpr uint64_t latency_us_max = uint64_t{1} << 36;  // 19 hours: longer ones count as this

// Counts of durations in buckets that grow with the duration: 16 to each doubling.
class LatencyBuckets {
 public:
  void add(uint64_t latency_us);
  uint64_t percentile_us(double share) const;  // share 0 … 1; 0 where nothing was counted

 private:
  static constexpr uint64_t per_doubling = 16;
  static constexpr size_t count = 34 * per_doubling;
  static size_t bucket_of(uint64_t latency_us);
  static uint64_t upper_edge_us(size_t bucket);
  std::array<std::atomic<uint64_t>, count> buckets_{};
};

struct MeterReading {
  uint64_t sent = 0;  // locations that were answered with success
  uint64_t rejected = 0;  // locations that the server will never take
  uint64_t retries = 0;  // requests that have to be made again
  double p50_ms = 0;  // of a request, over the whole run
  double p99_ms = 0;
};

class Meter {
 public:
  void count_sent(uint64_t locations, std::chrono::microseconds latency);
  void count_rejected(uint64_t locations) { rejected_ += locations; }
  void count_retry() { ++retries_; }
  MeterReading read() const;

 private:
  LatencyBuckets latency_;
  std::atomic<uint64_t> sent_{0}, rejected_{0}, retries_{0};
};

// "12,345 sent · 1,234/s · p50 1.2 ms · p99 8.0 ms · 3 retries · 0 rejected", with a bar in front where the end is known.
std::string progress_text(const MeterReading& reading, double per_second, std::optional<double> share_done);

enum class Terminal { no, yes };  // yes: one line, drawn over itself; no: a line now and then, for a log
Terminal standard_error_terminal();

// Writes progress to standard error at its own pace.
class ProgressLine {
 public:
  ProgressLine(const Meter& meter, Terminal terminal, std::chrono::steady_clock::time_point start);
  std::chrono::milliseconds pace() const;  // how often to call show()
  void show(std::chrono::steady_clock::time_point now, std::optional<double> share_done = {});
  void leave();  // ends the line, so that other text can follow

 private:
  const Meter& meter_;
  Terminal terminal_;
  std::chrono::steady_clock::time_point last_;
  uint64_t last_sent_ = 0;
  bool drawn_ = false;
};

}  // namespace waybill::app
