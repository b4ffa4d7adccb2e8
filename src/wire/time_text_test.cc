#include "wire/time_text.h"

#include <gtest/gtest.h>

namespace waybill::wire {
namespace {

TEST(TimeText, refuses_a_leap_second_that_a_year_of_four_digits_cannot_say) {
  for (const int minutes : {-60, 0, 60}) {
    const Duration offset = std::chrono::minutes(minutes);
    EXPECT_FALSE(parse_time("9999-12-31T23:59:60.9999993", offset)) << minutes;
  }
  const auto day_before = parse_time("9999-12-30T23:59:60", std::chrono::minutes(60));
  ASSERT_TRUE(day_before);
  EXPECT_EQ(format_time_as_sent(day_before->time, day_before->form, std::chrono::minutes(60)), "9999-12-31T00:00:00");
}

}  // namespace
}  // namespace waybill::wire
