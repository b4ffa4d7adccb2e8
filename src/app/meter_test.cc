#include "app/meter.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace waybill::app {
namespace {

TEST(Meter, gives_zero_before_anything_was_counted) { EXPECT_EQ(LatencyBuckets().percentile_us(0.99), 0u); }

TEST(Meter, percentiles_are_never_below_the_truth_and_at_most_a_sixteenth_above) {
  constexpr uint64_t seed = 7;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int run = 0; run < 200; ++run) {
    LatencyBuckets buckets;
    const uint64_t value = random.next() >> (28 + random.below(36));
    buckets.add(value);
    const uint64_t shown = buckets.percentile_us(0.5);
    EXPECT_GE(shown, value);
    EXPECT_LE(static_cast<double>(shown), static_cast<double>(value) * (1 + 1.0 / 16) + 1);
  }
}

TEST(Meter, percentiles_split_the_counts_where_they_say) {
  LatencyBuckets buckets;
  for (int i = 0; i < 99; ++i) buckets.add(10);
  buckets.add(1'000'000);
  EXPECT_EQ(buckets.percentile_us(0.5), 10u);
  EXPECT_EQ(buckets.percentile_us(0.99), 10u);
  EXPECT_GE(buckets.percentile_us(0.995), 1'000'000u);
}

TEST(Meter, takes_the_longest_latency_there_is) {
  LatencyBuckets buckets;
  buckets.add(~uint64_t{0});
  EXPECT_EQ(buckets.percentile_us(1), latency_us_max - 1);
}

TEST(Meter, writes_its_line) {
  const MeterReading reading{.sent = 1234567, .rejected = 0, .retries = 3, .p50_ms = 1.25, .p99_ms = 80};
  EXPECT_EQ(progress_text(reading, 999.6, {}),
            "1,234,567 sent · 1,000/s · p50 1.25 ms · p99 80 ms · 3 retries · 0 rejected");
  EXPECT_TRUE(progress_text(reading, 0, 0.5).starts_with("[############------------]  50 % · "));
}

}  // namespace
}  // namespace waybill::app
