#include "wire/event_out.h"

#include <gtest/gtest.h>

namespace waybill::wire {
namespace {

constexpr Time morning = at_us(1'768'467'600'000'000);  // 2026-01-15T09:00:00Z

std::string json_of(const Event& event, Time as_of = morning) {
  JsonWriter writer;
  write_event(writer, event, "1-0-42", as_of);
  return writer.take();
}

Event of_order(Event::Kind kind) {
  Event event;
  event.kind = kind;
  event.order = OrderId("1001", true);
  event.deliverer = DelivererId("d7");
  event.at = event.received_at = morning;
  return event;
}

TEST(EventOut, writes_a_state_with_the_one_before) {
  Event event = of_order(Event::Kind::state);
  event.was = OrderState::start;
  event.state = OrderState::on_the_way;
  EXPECT_EQ(event_type(event), "order.state");
  EXPECT_EQ(json_of(event), R"({"order_id":1001,"deliverer_id":"d7","state":"on_the_way","was":"start",)"
                            R"("at":"2026-01-15T09:00:00.000Z","received_at":"2026-01-15T09:00:00.000Z"})");
}

TEST(EventOut, an_order_that_has_come_into_being_was_nothing_before) {
  EXPECT_EQ(json_of(of_order(Event::Kind::state)).find("was"), std::string::npos);
}

TEST(EventOut, writes_a_location_with_its_position_and_its_age_when_it_is_told) {
  Location location;
  location.order = OrderId("1001", true);
  location.fix_time = location.received_at = morning;
  location.latitude = 41.15;
  location.longitude = -8.61;
  Event event = of_order(Event::Kind::location);
  event.location = std::make_shared<const Location>(location);
  event.of_location = true;
  EXPECT_EQ(json_of(event, morning + std::chrono::milliseconds(1500)),
            R"({"order_id":1001,"deliverer_id":"d7","state":"open","at":"2026-01-15T09:00:00.000Z",)"
            R"("received_at":"2026-01-15T09:00:00.000Z","location":{"order_id":1001,"latitude":41.15,)"
            R"("longitude":-8.61,"timestamp":"2026-01-15T09:00:00.000Z","position":"1-0-42",)"
            R"("received_at":"2026-01-15T09:00:00.000Z"},"fix_age_ms":1500})");
  event.order.reset();
  EXPECT_EQ(event_type(event), "deliverer.location");
  EXPECT_EQ(json_of(event).find("\"state\""), std::string::npos);
}

TEST(EventOut, silence_gives_its_reason_or_says_that_none_is_known) {
  Event event = of_order(Event::Kind::silent);
  EXPECT_NE(json_of(event).find(R"("reason":null)"), std::string::npos);
  event.reason = "low_battery";
  EXPECT_NE(json_of(event).find(R"("reason":"low_battery")"), std::string::npos);
}

}  // namespace
}  // namespace waybill::wire
