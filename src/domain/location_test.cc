#include "domain/location.h"

#include <gtest/gtest.h>

namespace waybill {
namespace {

Location sample() {
  Location location;
  location.order = OrderId("17", true);
  location.deliverer = DelivererId("4");
  location.state = DeliveryState::start;
  location.fix_time = at_us(1'705'309'200'000'000);
  location.received_at = location.fix_time;
  location.latitude = 41.150405;
  location.longitude = -8.613182;
  return location;
}

TEST(EventId, is_the_same_for_the_same_fields_whatever_came_along_with_them) {
  Location again = sample();
  again.received_at += std::chrono::hours(1);
  again.speed_mps = 3;
  again.attributes = R"({"battery":7})";
  again.order = OrderId("17");
  EXPECT_EQ(event_id_of(sample()), event_id_of(again));
}

TEST(EventId, differs_with_each_field_that_is_part_of_it) {
  const EventId id = event_id_of(sample());
  Location other = sample();
  other.order = OrderId("18");
  EXPECT_NE(id, event_id_of(other));
  other = sample();
  other.deliverer.reset();
  EXPECT_NE(id, event_id_of(other));
  other = sample();
  other.fix_time += Duration(1);
  EXPECT_NE(id, event_id_of(other));
  other = sample();
  other.latitude += 1e-7;
  EXPECT_NE(id, event_id_of(other));
  other = sample();
  other.state = DeliveryState::arrived;
  EXPECT_NE(id, event_id_of(other));
}

TEST(EventId, is_the_clients_own_within_its_deliverer_only) {
  Location one = sample();
  one.client_id = "abc";
  Location same = one;
  same.latitude = 0;
  same.fix_time += std::chrono::hours(1);
  EXPECT_EQ(event_id_of(one), event_id_of(same));
  Location another = one;
  another.deliverer = DelivererId("5");
  EXPECT_NE(event_id_of(one), event_id_of(another));
}

TEST(EventId, does_not_mix_up_texts_that_join_to_the_same) {
  EXPECT_NE(event_id_of("dab", "c"), event_id_of("da", "bc"));
}

TEST(Location, is_ahead_only_beyond_five_minutes) {
  Location location = sample();
  location.fix_time = location.received_at + fix_ahead_max;
  EXPECT_FALSE(is_ahead(location));
  location.fix_time += Duration(1);
  EXPECT_TRUE(is_ahead(location));
}

}  // namespace
}  // namespace waybill
