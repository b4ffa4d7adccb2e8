#include "ingest/progress.h"

#include <gtest/gtest.h>

#include <thread>

namespace waybill::ingest {
namespace {

constexpr std::chrono::hours long_time{1};

TEST(Progress, who_waits_for_what_is_visible_is_called_at_once) {
  Progress progress;
  progress.reached(7);
  bool called = false;
  progress.when(7, [&] { called = true; });
  EXPECT_TRUE(called);
}

TEST(Progress, who_waits_is_called_once_when_it_is_reached) {
  Progress progress;
  int calls = 0;
  progress.when(7, [&] { ++calls; });
  progress.reached(6);
  EXPECT_EQ(calls, 0);
  progress.reached(8);
  progress.reached(9);
  EXPECT_EQ(calls, 1);
}

TEST(Progress, the_subscriber_does_not_gather_while_somebody_waits) {
  Progress progress;
  progress.when(7, [] {});
  progress.wait_until_wanted(long_time, {});
}

TEST(Progress, the_subscriber_stops_gathering_when_somebody_begins_to_wait) {
  Progress progress;
  std::jthread gathering([&] { progress.wait_until_wanted(long_time, {}); });
  progress.when(7, [] {});
}

TEST(Progress, the_subscriber_stops_gathering_when_it_is_told_to_stop) {
  Progress progress;
  std::jthread gathering([&](const std::stop_token& stop) { progress.wait_until_wanted(long_time, stop); });
  gathering.request_stop();
}

}  // namespace
}  // namespace waybill::ingest
