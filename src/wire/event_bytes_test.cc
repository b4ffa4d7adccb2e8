#include "wire/event_bytes.h"

#include <gtest/gtest.h>

#include "wire/samples.h"

namespace waybill::wire {
namespace {

Event sample_event(Random& random) {
  Event event;
  event.kind = static_cast<Event::Kind>(random.below(6));
  event.state = static_cast<OrderState>(random.below(6));
  event.was = static_cast<OrderState>(random.below(6));
  event.at = sample_time(random);
  event.received_at = sample_time(random);
  if (random.chance(0.8)) event.order = sample_id<OrderId>(random);
  if (random.chance(0.8)) event.deliverer = sample_id<DelivererId>(random);
  if (random.chance(0.5)) event.location = std::make_shared<const Location>(sample_location(random));
  event.of_location = random.chance(0.5);
  if (random.chance(0.3)) event.reason = sample_text(random, 40);
  return event;
}

std::string bytes_of(const Event& event) {
  std::string bytes;
  encode_event(event, bytes);
  return bytes;
}

TEST(EventBytes, an_event_comes_back_equal_whatever_it_holds) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 2'000; ++i) {
    const Event event = sample_event(random);
    const auto back = decode_event(as_bytes(bytes_of(event)));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->kind, event.kind);
    EXPECT_EQ(back->order, event.order);
    EXPECT_EQ(back->deliverer, event.deliverer);
    EXPECT_EQ(back->state, event.state);
    EXPECT_EQ(back->was, event.was);
    EXPECT_EQ(back->at, event.at);
    EXPECT_EQ(back->received_at, event.received_at);
    EXPECT_EQ(back->of_location, event.of_location);
    EXPECT_EQ(back->reason, event.reason);
    ASSERT_EQ(back->location == nullptr, event.location == nullptr);
    if (event.location) {
      EXPECT_EQ(*back->location, *event.location);
    }
    EXPECT_EQ(bytes_of(*back), bytes_of(event));
  }
}

TEST(EventBytes, bytes_that_are_cut_or_go_on_are_corrupt) {
  Random random(1);
  for (int i = 0; i < 50; ++i) {
    const std::string bytes = bytes_of(sample_event(random));
    for (size_t size = 0; size < bytes.size(); ++size)
      EXPECT_EQ(decode_event(as_bytes(std::string_view(bytes).substr(0, size))).error().code, Code::corrupt);
    EXPECT_EQ(decode_event(as_bytes(bytes + '\0')).error().code, Code::corrupt);
  }
}

}  // namespace
}  // namespace waybill::wire
