#include "base/process.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <thread>

#include "base/clock.h"

namespace waybill {
namespace {

TEST(Process, says_what_it_uses) {
  const Result<ProcessUse> use = process_use();
  ASSERT_TRUE(use) << use.error().message;
  EXPECT_GT(use->resident_bytes, uint64_t{1} << 20);
  EXPECT_GE(use->open_files, 3u);
  EXPECT_GE(use->open_files_max, use->open_files);
  EXPECT_LE(use->started_at_s, static_cast<double>(to_us(system_clock().now())) / 1e6 + 1);
  EXPECT_GT(use->started_at_s, 1.5e9);
}

TEST(Process, its_processor_time_grows) {
  const Duration before = process_cpu_time();
  EXPECT_GT(before.count(), 0);
  while (process_cpu_time() == before) {
  }
  EXPECT_GT(process_cpu_time(), before);
}

TEST(Process, a_thread_is_shown_by_the_name_that_it_took) {
  std::string shown;
  std::thread([&shown] {
    name_this_thread("subscribe");
    std::ifstream("/proc/thread-self/comm") >> shown;
  }).join();
  EXPECT_EQ(shown, "subscribe");
}

TEST(Process, its_numbers_stand_in_the_metrics) {
  const auto metrics = make_metrics();
  expose_process(*metrics, "1.2.3");
  const std::string text = metrics->expose();
  EXPECT_NE(text.find("waybill_build_info{version=\"1.2.3\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nprocess_open_fds "), std::string::npos);
  EXPECT_EQ(text.find("process_resident_memory_bytes 0\n"), std::string::npos) << text;
}

TEST(Metrics, what_is_measured_when_asked_is_measured_each_time) {
  const auto metrics = make_metrics();
  Gauge& gauge = metrics->gauge("waybill_test_asked", "how often");
  metrics->before_expose([&gauge] { gauge.add(1); });
  EXPECT_NE(metrics->expose().find("waybill_test_asked 1"), std::string::npos);
  EXPECT_NE(metrics->expose().find("waybill_test_asked 2"), std::string::npos);
}

}  // namespace
}  // namespace waybill
