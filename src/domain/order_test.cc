#include "domain/order.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace waybill {
namespace {

using std::chrono::minutes;

const Time noon = at_us(1'705'320'000'000'000);

Location said(DeliveryState state, Time fix) {
  Location location;
  location.order = OrderId("o1");
  location.deliverer = DelivererId("d1");
  location.state = state;
  location.fix_time = fix;
  location.received_at = std::max(fix, noon);
  return location;
}

OrderCommand told(OrderCommand::Kind kind, Time at) {
  OrderCommand command;
  command.kind = kind;
  command.order = OrderId("o1");
  command.received_at = at;
  return command;
}

OrderCommand assigned(const char* deliverer, Time received, std::optional<Time> at = {}) {
  OrderCommand command = told(OrderCommand::Kind::put, received);
  command.deliverer = DelivererId(deliverer);
  command.at = at;
  return command;
}

TEST(Order, follows_its_locations_through_start_on_the_way_and_arrived) {
  Order order;
  apply(order, said(DeliveryState::start, noon));
  EXPECT_EQ(order.state(), OrderState::start);
  apply(order, said(DeliveryState::on_the_way, noon + minutes(1)));
  EXPECT_EQ(order.state(), OrderState::on_the_way);
  apply(order, said(DeliveryState::arrived, noon + minutes(2)));
  EXPECT_EQ(order.state(), OrderState::arrived);
}

TEST(Order, has_the_same_state_whatever_the_order_its_locations_came_in) {
  std::vector<Location> locations{said(DeliveryState::start, noon), said(DeliveryState::on_the_way, noon + minutes(1)),
                                  said(DeliveryState::arrived, noon + minutes(2)),
                                  said(DeliveryState::start, noon + minutes(2)),
                                  said(DeliveryState::none, noon + minutes(3))};
  constexpr uint64_t seed = 20260115;
  Random random(seed);
  for (int run = 0; run < 50; ++run) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " run " + std::to_string(run));
    for (size_t i = locations.size(); i > 1; --i) std::swap(locations[i - 1], locations[random.below(i)]);
    Order order;
    for (const Location& location : locations) apply(order, location);
    EXPECT_EQ(order.state(), OrderState::arrived);
    EXPECT_EQ(order.start_time, noon + minutes(2));
  }
}

TEST(Order, that_arrived_is_not_closed_and_a_newer_start_reopens_it) {
  Order order;
  apply(order, said(DeliveryState::arrived, noon));
  apply(order, said(DeliveryState::start, noon + minutes(10)));
  EXPECT_EQ(order.state(), OrderState::start);
}

TEST(Order, that_is_closed_stays_closed_for_late_locations_and_reopens_with_a_newer_start) {
  Order order;
  apply(order, said(DeliveryState::arrived, noon));
  order = *apply(order, told(OrderCommand::Kind::close, noon + minutes(5)));
  EXPECT_EQ(order.state(), OrderState::closed);
  apply(order, said(DeliveryState::start, noon + minutes(4)));
  apply(order, said(DeliveryState::on_the_way, noon + minutes(6)));
  EXPECT_EQ(order.state(), OrderState::closed);
  apply(order, said(DeliveryState::start, noon + minutes(7)));
  EXPECT_EQ(order.state(), OrderState::start);
}

TEST(Order, that_is_cancelled_stays_cancelled_whatever_the_phone_says) {
  Order order = *apply(Order{}, told(OrderCommand::Kind::cancel, noon));
  apply(order, said(DeliveryState::start, noon + minutes(1)));
  EXPECT_EQ(order.state(), OrderState::cancelled);
}

TEST(Order, is_not_moved_by_a_fix_that_is_ahead_of_our_clock) {
  Order order;
  Location ahead = said(DeliveryState::arrived, noon + std::chrono::hours(24));
  ahead.received_at = noon;
  apply(order, ahead);
  EXPECT_EQ(order.state(), OrderState::open);
  EXPECT_EQ(order.id.text, "o1");
}

TEST(Order, has_one_deliverer_at_a_time) {
  Order order = *apply(Order{}, assigned("d1", noon));
  OrderCommand reassign = told(OrderCommand::Kind::reassign, noon + minutes(10));
  reassign.deliverer = DelivererId("d2");
  order = *apply(order, reassign);
  ASSERT_EQ(order.assignments.size(), 2u);
  EXPECT_EQ(order.assignments[0], (Assignment{DelivererId("d1"), noon, noon + minutes(10)}));
  EXPECT_EQ(order.assignments[1], (Assignment{DelivererId("d2"), noon + minutes(10), std::nullopt}));
  EXPECT_EQ(order.deliverer->text, "d2");
}

TEST(Order, keeps_its_assignment_when_the_same_is_said_again) {
  Order order = *apply(Order{}, assigned("d1", noon));
  order = *apply(order, assigned("d1", noon + minutes(10)));
  ASSERT_EQ(order.assignments.size(), 1u);
  EXPECT_EQ(order.assignments[0].from, noon);
}

TEST(Order, takes_a_corrected_beginning_of_its_assignment) {
  Order order = *apply(Order{}, assigned("d1", noon));
  order = *apply(order, assigned("d1", noon + minutes(10), noon - minutes(30)));
  ASSERT_EQ(order.assignments.size(), 1u);
  EXPECT_EQ(order.assignments[0].from, noon - minutes(30));
}

TEST(Order, ends_its_assignment_when_it_is_closed) {
  Order order = *apply(Order{}, assigned("d1", noon));
  order = *apply(order, told(OrderCommand::Kind::close, noon + minutes(10)));
  ASSERT_EQ(order.assignments.size(), 1u);
  EXPECT_EQ(order.assignments[0].to, noon + minutes(10));
}

TEST(Order, refuses_assignments_that_overlap_or_end_before_they_begin) {
  OrderCommand command = told(OrderCommand::Kind::put, noon);
  command.assignments = {{DelivererId("d1"), noon, noon + minutes(10)}, {DelivererId("d2"), noon + minutes(9), {}}};
  EXPECT_EQ(apply(Order{}, command).error().code, Code::invalid);
  command.assignments = {{DelivererId("d1"), noon, noon}};
  EXPECT_EQ(apply(Order{}, command).error().code, Code::invalid);
  command.assignments = {{DelivererId("d2"), noon + minutes(10), {}}, {DelivererId("d1"), noon, noon + minutes(10)}};
  const Result<Order> order = apply(Order{}, command);
  ASSERT_TRUE(order);
  EXPECT_EQ(order->assignments.front().deliverer.text, "d1");
  EXPECT_EQ(order->deliverer->text, "d2");
}

TEST(Order, changes_only_what_a_command_says) {
  OrderCommand first = told(OrderCommand::Kind::put, noon);
  first.destination = Destination{41.15, -8.61, "Rua das Flores 1"};
  first.promised_at = noon + minutes(45);
  Order order = *apply(Order{}, first);
  OrderCommand second = told(OrderCommand::Kind::put, noon + minutes(1));
  second.sequence = 3;
  order = *apply(order, second);
  EXPECT_EQ(order.destination, first.destination);
  EXPECT_EQ(order.promised_at, first.promised_at);
  EXPECT_EQ(order.sequence, 3);
  EXPECT_EQ(order.updated_at, noon + minutes(1));
  EXPECT_EQ(order.created_at, noon);
}

TEST(Order, is_of_others_where_it_was_assigned_and_never_to_this_one) {
  Order order;
  EXPECT_FALSE(is_of_others(order, "anna"));
  order.assignments = {{.deliverer = DelivererId("anna"), .from = {}, .to = at_us(1)},
                       {.deliverer = DelivererId("bert"), .from = at_us(1), .to = {}}};
  EXPECT_FALSE(is_of_others(order, "anna"));
  EXPECT_FALSE(is_of_others(order, "bert"));
  EXPECT_TRUE(is_of_others(order, "carl"));
}

}  // namespace
}  // namespace waybill
