#include "domain/privacy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace waybill {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr Time start = at_us(1'700'000'000'000'000);

Order open_order() {
  Order order;
  order.delivery_state = DeliveryState::on_the_way;
  order.state_time = start;
  return order;
}

Order closed_order() {
  Order order = open_order();
  order.closed_at = start + hours(2);
  return order;
}

TEST(Privacy, without_a_condition_the_exact_place_is_shown) {
  EXPECT_EQ(sight_of({}, open_order(), {.stops_before = 100}), Sight::exact);
}

TEST(Privacy, any_one_condition_that_holds_shows_the_exact_place) {
  const PrivacyRule rule{.stops_max = 2, .metres_max = 500, .minutes_max = 5};
  EXPECT_EQ(sight_of(rule, open_order(), {.stops_before = 2, .metres = 9000, .minutes = 30}), Sight::exact);
  EXPECT_EQ(sight_of(rule, open_order(), {.stops_before = 3, .metres = 500, .minutes = 30}), Sight::exact);
  EXPECT_EQ(sight_of(rule, open_order(), {.stops_before = 3, .metres = 9000, .minutes = 5}), Sight::exact);
  EXPECT_EQ(sight_of(rule, open_order(), {.stops_before = 3, .metres = 501, .minutes = 5.1}), Sight::area);
}

TEST(Privacy, a_way_that_is_not_known_is_not_near) {
  const PrivacyRule rule{.metres_max = 500, .minutes_max = 5};
  EXPECT_EQ(sight_of(rule, open_order(), {}), Sight::area);
}

TEST(Privacy, no_place_is_shown_once_it_was_delivered_or_cancelled) {
  EXPECT_EQ(sight_of({}, closed_order(), {}), Sight::nothing);
  Order cancelled = open_order();
  cancelled.cancelled_at = start;
  EXPECT_EQ(sight_of({}, cancelled, {}), Sight::nothing);
}

TEST(Privacy, an_order_can_be_read_while_it_is_open_and_a_set_time_after) {
  const PrivacyRule rule{.after_close = hours(1)};
  EXPECT_TRUE(within_its_time(rule, open_order(), start + hours(10'000)));
  EXPECT_TRUE(within_its_time(rule, closed_order(), start + hours(3) - seconds(1)));
  EXPECT_FALSE(within_its_time(rule, closed_order(), start + hours(3)));
}

TEST(Privacy, an_area_holds_its_place_and_many_places_share_one) {
  constexpr double radius_m = 1000;
  for (const double latitude : {-80.0, -33.9, 0.0, 41.15, 60.2, 85.0}) {
    for (int i = 0; i < 200; ++i) {
      const Point place{latitude + i * 0.0007, -8.61 + i * 0.0011};
      const Point centre = area_centre(place, radius_m);
      EXPECT_LE(distance_m(place, centre), radius_m * 1.01) << latitude << ' ' << i;
    }
  }
  const Point centre = area_centre({41.1500, -8.6100}, radius_m);
  EXPECT_EQ(area_centre(moved(centre, 90, 300), radius_m), centre);
  EXPECT_EQ(area_centre(moved(centre, 200, 500), radius_m), centre);
  EXPECT_NE(area_centre(moved(centre, 90, 3000), radius_m), centre);
}

TEST(Privacy, minutes_follow_from_the_median_of_recent_speeds) {
  std::vector<Location> recent;
  Point place{41.15, -8.61};
  for (int i = 0; i < 9; ++i) {
    Location location;
    location.fix_time = start + seconds(10 * i);
    location.latitude = place.latitude;
    location.longitude = place.longitude;
    recent.push_back(location);
    place = moved(place, 45, i == 4 ? 5000 : 100);  // one jump does not count
  }
  ASSERT_TRUE(minutes_left(3000, recent));
  EXPECT_NEAR(*minutes_left(3000, recent), 5, 0.01);
  EXPECT_FALSE(minutes_left(3000, {})) << "nothing is known";
  for (Location& location : recent) location.latitude = 41.15, location.longitude = -8.61;
  EXPECT_FALSE(minutes_left(3000, recent)) << "it stands";
}

}  // namespace
}  // namespace waybill
