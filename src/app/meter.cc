#include "app/meter.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

namespace waybill::app {

// Below 16 us a bucket is one microsecond; above, 16 buckets share each doubling.
size_t LatencyBuckets::bucket_of(uint64_t latency_us) {
  latency_us = std::min(latency_us, latency_us_max - 1);
  if (latency_us < per_doubling) return latency_us;
  const auto doubling = static_cast<uint64_t>(std::bit_width(latency_us)) - 5;
  return per_doubling * doubling + (latency_us >> doubling);
}

uint64_t LatencyBuckets::upper_edge_us(size_t bucket) {
  if (bucket < 2 * per_doubling) return bucket;
  const uint64_t doubling = bucket / per_doubling - 1;
  return ((bucket % per_doubling + per_doubling + 1) << doubling) - 1;
}

void LatencyBuckets::add(uint64_t latency_us) {
  buckets_[bucket_of(latency_us)].fetch_add(1, std::memory_order_relaxed);
}

uint64_t LatencyBuckets::percentile_us(double share) const {
  uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(total)));
  uint64_t seen = 0;
  for (size_t i = 0; i < count; ++i) {
    seen += buckets_[i].load(std::memory_order_relaxed);
    if (seen > 0 && seen >= wanted) return upper_edge_us(i);
  }
  return 0;
}

void Meter::count_sent(uint64_t locations, std::chrono::microseconds latency) {
  latency_.add(static_cast<uint64_t>(std::max<int64_t>(0, latency.count())));
  sent_ += locations;
}

MeterReading Meter::read() const {
  return {.sent = sent_,
          .rejected = rejected_,
          .retries = retries_,
          .p50_ms = static_cast<double>(latency_.percentile_us(0.5)) / 1e3,
          .p99_ms = static_cast<double>(latency_.percentile_us(0.99)) / 1e3};
}

namespace {

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string in_ms(double ms) {
  char text[32];
  std::snprintf(text, sizeof text, ms < 10 ? "%.2f ms" : "%.0f ms", ms);
  return text;
}

constexpr size_t bar_width = 24;

std::string bar(double share) {
  const auto full = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * bar_width);
  char percent[16];
  std::snprintf(percent, sizeof percent, " %3.0f %% · ", std::clamp(share, 0.0, 1.0) * 100);
  return "[" + std::string(full, '#') + std::string(bar_width - full, '-') + "]" + percent;
}

}  // namespace

std::string progress_text(const MeterReading& reading, double per_second, std::optional<double> share_done) {
  std::string text = share_done ? bar(*share_done) : std::string();
  text += grouped(reading.sent) + " sent · " + grouped(static_cast<uint64_t>(std::llround(std::max(0.0, per_second)))) +
          "/s";
  text += " · p50 " + in_ms(reading.p50_ms) + " · p99 " + in_ms(reading.p99_ms);
  text += " · " + grouped(reading.retries) + " retries · " + grouped(reading.rejected) + " rejected";
  return text;
}

Terminal standard_error_terminal() { return isatty(STDERR_FILENO) == 1 ? Terminal::yes : Terminal::no; }

ProgressLine::ProgressLine(const Meter& meter, Terminal terminal, std::chrono::steady_clock::time_point start)
    : meter_(meter), terminal_(terminal), last_(start) {}

std::chrono::milliseconds ProgressLine::pace() const {
  return terminal_ == Terminal::yes ? std::chrono::milliseconds(250) : std::chrono::milliseconds(10'000);
}

void ProgressLine::show(std::chrono::steady_clock::time_point now, std::optional<double> share_done) {
  const MeterReading reading = meter_.read();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const double rate = seconds > 0 ? static_cast<double>(reading.sent - last_sent_) / seconds : 0;
  const std::string text = progress_text(reading, rate, share_done);
  // \r to the line's begin, ESC[K clears what an earlier, longer text left.
  if (terminal_ == Terminal::yes)
    std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
  else
    std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
  drawn_ = terminal_ == Terminal::yes;
  last_ = now;
  last_sent_ = reading.sent;
}

void ProgressLine::leave() {
  if (drawn_) std::fputc('\n', stderr);
  drawn_ = false;
}

}  // namespace waybill::app
