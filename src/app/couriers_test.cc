#include "app/couriers.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace waybill::app {
namespace {

constexpr Time start = at_us(1'705'309'200'000'000);

const Streets& porto() {
  static const Streets streets = *unpack_streets({});
  return streets;
}

CourierOptions options_with(uint64_t seed, Faults faults = {}) {
  return {.seed = seed, .start = start, .couriers = 50, .faults = faults};
}

std::vector<Location> reports_of(const CourierOptions& options, uint64_t number, int reports) {
  Courier courier(porto(), options, number);
  std::vector<Location> sent;
  for (int i = 0; i < reports && !courier.finished(); ++i) courier.report(sent);
  courier.finish(sent);
  return sent;
}

TEST(Courier, the_same_seed_gives_the_same_locations_and_another_seed_others) {
  const Faults faults{.repeats = 0.1, .disorder = 0.1, .gaps = 0.05, .jumps = 0.1, .skew_s = 30};
  EXPECT_EQ(reports_of(options_with(1, faults), 3, 300), reports_of(options_with(1, faults), 3, 300));
  EXPECT_NE(reports_of(options_with(1), 3, 20), reports_of(options_with(2), 3, 20));
  EXPECT_NE(reports_of(options_with(1), 3, 20), reports_of(options_with(1), 4, 20));
}

TEST(Courier, an_order_starts_is_on_the_way_and_arrives_after_its_count_of_locations) {
  const auto sent = reports_of(options_with(1), 0, 45);
  ASSERT_EQ(sent.size(), 45u);
  std::map<std::string, std::vector<DeliveryState>> orders;
  for (const Location& location : sent) orders[location.order->text].push_back(location.state);
  EXPECT_EQ(orders.size(), 3u);
  for (const auto& [id, states] : orders) {
    ASSERT_EQ(states.size(), 15u);
    EXPECT_EQ(states.front(), DeliveryState::start);
    EXPECT_EQ(states.back(), DeliveryState::arrived);
    EXPECT_EQ(std::count(states.begin(), states.end(), DeliveryState::on_the_way), 13);
  }
}

TEST(Courier, reports_every_ten_seconds_give_or_take_three_at_city_speed) {
  const auto sent = reports_of(options_with(9), 7, 500);
  double sum_s = 0;
  for (size_t i = 1; i < sent.size(); ++i) {
    const double seconds = static_cast<double>((sent[i].fix_time - sent[i - 1].fix_time).count()) / 1e6;
    ASSERT_GE(seconds, 6.999);
    ASSERT_LE(seconds, 13.001);
    sum_s += seconds;
    const double metres =
        distance_m({sent[i - 1].latitude, sent[i - 1].longitude}, {sent[i].latitude, sent[i].longitude});
    ASSERT_LE(metres, 14 * seconds);
    ASSERT_LE(metres, (*sent[i].speed_mps + 0.05) * (seconds + 0.002) + 0.3);
  }
  EXPECT_NEAR(sum_s / 499, 10, 0.3);
}

TEST(Courier, no_two_couriers_have_the_same_order_and_ids_are_integers_that_a_double_holds) {
  std::set<std::string> orders;
  for (uint64_t number = 0; number < 50; ++number) {
    std::set<std::string> own;
    for (const Location& location : reports_of(options_with(1), number, 45)) {
      own.insert(location.order->text);
      EXPECT_TRUE(location.order->integer && location.deliverer->integer);
      EXPECT_LT(std::stoull(location.order->text), uint64_t{1} << 53);
    }
    for (const std::string& id : own) EXPECT_TRUE(orders.insert(id).second) << id;
  }
  EXPECT_EQ(orders.size(), 150u);
}

TEST(Courier, the_orders_asked_for_are_made_and_no_more) {
  CourierOptions options = options_with(1);
  options.orders = 70;
  std::set<std::string> orders;
  size_t locations = 0;
  for (uint64_t number = 0; number < 50; ++number)
    for (const Location& location : reports_of(options, number, 1'000)) {
      orders.insert(location.order->text);
      ++locations;
    }
  EXPECT_EQ(orders.size(), 70u);
  EXPECT_EQ(locations, 70u * 15);
}

// How often something happened in the reports of all couriers, and what was sent.
TEST(Courier, repeats_appear_at_their_probability_and_repeat_exactly) {
  const auto sent = reports_of(options_with(4, {.repeats = 0.2}), 0, 5'000);
  const auto plain = reports_of(options_with(4), 0, 5'000);
  EXPECT_NEAR(static_cast<double>(sent.size() - plain.size()) / 5'000, 0.2, 0.03);
  std::set<std::string> different;
  for (const Location& location : sent) different.insert(location_json(location, Api::locations));
  EXPECT_EQ(different.size(), 5'000u);
}

TEST(Courier, disorder_appears_at_its_probability_and_loses_nothing) {
  const auto sent = reports_of(options_with(4, {.disorder = 0.1}), 0, 5'000);
  ASSERT_EQ(sent.size(), 5'000u);
  int back = 0;
  std::set<Time> times;
  for (size_t i = 0; i < sent.size(); ++i) {
    times.insert(sent[i].fix_time);
    back += i > 0 && sent[i].fix_time < sent[i - 1].fix_time ? 1 : 0;
  }
  EXPECT_EQ(times.size(), 5'000u);
  EXPECT_NEAR(back / 5'000.0, 0.1, 0.02);
}

TEST(Courier, a_gap_holds_back_and_then_sends_all_at_once) {
  const CourierOptions options = options_with(4, {.gaps = 0.05});
  Courier courier(porto(), options, 0);
  size_t sent = 0, reports = 0, longest = 0, gaps = 0;
  while (reports < 5'000) {
    std::vector<Location> now;
    courier.report(now);
    ++reports;
    sent += now.size();
    longest = std::max(longest, now.size());
    gaps += now.size() > 1 ? 1 : 0;
    for (size_t i = 1; i < now.size(); ++i) EXPECT_LT(now[i - 1].fix_time, now[i].fix_time);
  }
  std::vector<Location> rest;
  courier.finish(rest);
  EXPECT_EQ(sent + rest.size(), reports);
  EXPECT_LE(longest, size_t{gap_locations_max});
  EXPECT_GT(longest, 5u);
  // A gap begins with probability 0.05 where there is none; it takes 6 reports on average.
  EXPECT_NEAR(static_cast<double>(gaps) / 5'000, 0.05 / (1 + 0.05 * 5), 0.01);
}

TEST(Courier, jumps_appear_at_their_probability_and_are_one_to_five_km) {
  const auto sent = reports_of(options_with(4, {.jumps = 0.1}), 0, 5'000);
  int jumps = 0;
  for (size_t i = 1; i < sent.size(); ++i)
    jumps +=
        distance_m({sent[i - 1].latitude, sent[i - 1].longitude}, {sent[i].latitude, sent[i].longitude}) > 800 ? 1 : 0;
  // There and back, unless two follow each other.
  EXPECT_NEAR(jumps / 5'000.0, 2 * 0.1 * 0.9 + 0.1 * 0.1, 0.02);
}

TEST(Courier, skew_moves_each_phones_clock_by_its_own_amount_within_bounds) {
  std::set<int64_t> skews;
  for (uint64_t number = 0; number < 20; ++number) {
    const CourierOptions options = options_with(4, {.skew_s = 600});
    Courier courier(porto(), options, number);
    for (int i = 0; i < 3; ++i) {
      const Time due = courier.due();
      std::vector<Location> sent;
      courier.report(sent);
      const int64_t skew_ms = (sent.at(0).fix_time - due).count() / 1000;
      EXPECT_LE(std::abs(skew_ms), 600'001);
      skews.insert(skew_ms / 100);
    }
  }
  EXPECT_GT(skews.size(), 10u);
  EXPECT_LE(skews.size(), 60u);
}

TEST(Courier, close_fixes_keep_their_microseconds_so_that_none_looks_like_another) {
  CourierOptions options = options_with(1);
  options.interval_s = 0.0001;
  options.interval_spread_s = 0.00003;
  std::set<Time> times;
  for (const Location& location : reports_of(options, 0, 1'000)) times.insert(location.fix_time);
  EXPECT_EQ(times.size(), 1'000u);
}

TEST(Courier, writes_its_location_as_each_api_takes_it) {
  Location location;
  location.order = OrderId("17", true);
  location.deliverer = DelivererId("3", true);
  location.state = DeliveryState::start;
  location.fix_time = start;
  location.latitude = 41.15;
  location.longitude = -8.61;
  location.speed_mps = 5.5;
  const std::string first = location_json(location, Api::first), ours = location_json(location, Api::locations);
  EXPECT_NE(first.find(R"("order_id":17)"), std::string::npos) << first;
  EXPECT_EQ(first.find('Z'), std::string::npos) << first;
  EXPECT_EQ(first.find("speed"), std::string::npos) << first;
  EXPECT_NE(ours.find(R"("timestamp":"2024-01-15T09:00:00.000Z")"), std::string::npos) << ours;
  EXPECT_NE(ours.find(R"("speed":5.5)"), std::string::npos) << ours;
}

}  // namespace
}  // namespace waybill::app
