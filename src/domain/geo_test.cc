#include "domain/geo.h"

#include <gtest/gtest.h>

namespace waybill {
namespace {

TEST(Geo, measures_a_degree_of_the_equator) {
  EXPECT_NEAR(distance_m({0, 0}, {0, 1}), 111'195, 1);
  EXPECT_NEAR(distance_m({0, 179.5}, {0, -179.5}), 111'195, 1);
  EXPECT_NEAR(distance_m({90, 0}, {-90, 0}), std::numbers::pi * earth_radius_m, 1);
}

TEST(Geo, moves_as_far_as_it_measures) {
  const Point porto{41.15, -8.61};
  for (double heading : {0.0, 45.0, 90.0, 200.0, 359.0}) {
    const Point there = moved(porto, heading, 1234);
    EXPECT_NEAR(distance_m(porto, there), 1234, 0.01);
    EXPECT_NEAR(heading_deg(porto, there), heading, 0.05);
  }
}

TEST(Geo, has_boxes_that_cross_the_date_line) {
  const Box box{.min_longitude = 170, .min_latitude = -10, .max_longitude = -170, .max_latitude = 10};
  EXPECT_TRUE(box.contains({0, 175}));
  EXPECT_TRUE(box.contains({0, -175}));
  EXPECT_FALSE(box.contains({0, 0}));
  EXPECT_FALSE(box.contains({11, 175}));
}

}  // namespace
}  // namespace waybill
