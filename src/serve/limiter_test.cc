#include "serve/limiter.h"

#include <gtest/gtest.h>

#include <string>

namespace waybill::serve {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Limiter::Moment start{seconds(1000)};

TEST(Limiter, lets_a_burst_through_and_then_as_many_as_a_second_brings) {
  Limiter limiter(2, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.take("a", start), milliseconds(0)) << i;
  EXPECT_EQ(limiter.take("a", start), milliseconds(500));
  EXPECT_EQ(limiter.take("a", start + milliseconds(499)), milliseconds(1));
  EXPECT_EQ(limiter.take("a", start + milliseconds(500)), milliseconds(0));
  EXPECT_GT(limiter.take("a", start + milliseconds(500)), milliseconds(0));
  EXPECT_EQ(limiter.take("b", start), milliseconds(0)) << "each name has its own";
}

TEST(Limiter, looking_takes_nothing_and_no_limit_never_waits) {
  Limiter limiter(1, 1);
  EXPECT_EQ(limiter.look("a", start), milliseconds(0));
  EXPECT_EQ(limiter.take("a", start), milliseconds(0));
  EXPECT_EQ(limiter.look("a", start), seconds(1));
  Limiter none(0, 1);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(none.take("a", start), milliseconds(0));
}

TEST(Limiter, more_names_than_it_knows_push_out_those_that_rested_longest) {
  Limiter limiter(0.001, 1);
  EXPECT_EQ(limiter.take("first", start), milliseconds(0));
  EXPECT_EQ(limiter.take("second", start), milliseconds(0));
  EXPECT_GT(limiter.take("first", start), milliseconds(0));  // used again: it rested less than the second
  for (size_t i = 0; i < Limiter::buckets_max - 1; ++i) limiter.take("name " + std::to_string(i), start);
  EXPECT_GT(limiter.look("first", start), milliseconds(0));
  EXPECT_EQ(limiter.look("second", start), milliseconds(0));
}

TEST(Limiter, a_clock_that_goes_back_gives_no_tickets) {
  Limiter limiter(1, 1);
  EXPECT_EQ(limiter.take("a", start), milliseconds(0));
  EXPECT_GT(limiter.take("a", start - seconds(100)), milliseconds(0));
}

}  // namespace
}  // namespace waybill::serve
