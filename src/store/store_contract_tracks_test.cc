#include <algorithm>
#include <set>

#include "store/store_contract.h"

namespace waybill::store {
namespace {

OrderCommand corrected(const std::string& order, int64_t seconds, std::vector<Assignment> assignments) {
  OrderCommand command = told(Kind::put, order, seconds);
  command.assignments = std::move(assignments);
  return command;
}

Assignment period(const std::string& deliverer, int64_t from, std::optional<int64_t> to = {}) {
  Assignment assignment{.deliverer = DelivererId(deliverer), .from = at(from), .to = {}};
  if (to) assignment.to = at(*to);
  return assignment;
}

TEST_P(StoreContract, an_assignment_that_comes_later_changes_the_track) {
  put({seen({}, "d1", 10), seen({}, "d1", 20), seen({}, "d1", 30)});
  EXPECT_EQ(order("A"), std::nullopt);
  put({assign("A", 15, "d1")});
  EXPECT_EQ(order_track("A"), (Seconds{20, 30}));
  EXPECT_EQ(last("A"), 30);
}

TEST_P(StoreContract, a_corrected_assignment_changes_the_track_back) {
  put({assign("A", 0, "d1")});
  for (int i = 0; i < 10; ++i) put({seen({}, "d1", i * 10), seen({}, "d2", i * 10 + 5)});
  EXPECT_EQ(last("A"), 90);
  put({corrected("A", 200, {period("d1", 0, 30), period("d2", 30, 60), period("d1", 60, 80)})});
  EXPECT_EQ(order_track("A", 2), (Seconds{0, 10, 20, 35, 45, 55, 60, 70}));
  EXPECT_EQ(last("A"), 70);
  put({corrected("A", 201, {period("d2", 0, 5)})});
  EXPECT_EQ(order_track("A"), Seconds{});
  EXPECT_EQ(last("A"), std::nullopt);
}

TEST_P(StoreContract, a_reassigned_order_follows_its_new_deliverer) {
  put({assign("A", 0, "d1"), seen({}, "d1", 10), seen({}, "d2", 11)});
  put({told(Kind::reassign, "A", 20, "d2"), seen({}, "d1", 30), seen({}, "d2", 25)});
  EXPECT_EQ(order_track("A"), (Seconds{10, 25}));
  EXPECT_EQ(last("A"), 25);
  EXPECT_TRUE(checked(store->deliverer(DelivererId("d1")))->orders.empty());
  EXPECT_EQ(checked(store->deliverer(DelivererId("d2")))->orders, (std::vector<OrderId>{OrderId("A")}));
  put({seen({}, "d1", 15)});
  EXPECT_EQ(order_track("A"), (Seconds{10, 15, 25}));
}

TEST_P(StoreContract, a_location_that_names_another_order_is_not_in_the_track) {
  put({assign("A", 0, "d1"), assign("B", 0, "d1")});
  put({seen("B", "d1", 10), seen({}, "d1", 20), seen("A", "d2", 30), seen("A", {}, 40)});
  EXPECT_EQ(order_track("A"), (Seconds{20, 30, 40}));
  EXPECT_EQ(order_track("B"), (Seconds{10, 20}));
  EXPECT_EQ(deliverer_track("d1"), (Seconds{10, 20}));
  EXPECT_EQ(last("A"), 40);
  EXPECT_EQ(last("B"), 20);
}

TEST_P(StoreContract, last_of_a_period_that_is_over_is_found_behind_many_that_name_other_orders) {
  put({assign("A", 0, "d1"), seen({}, "d1", 10)});
  std::vector<wire::Record> others;
  for (int i = 0; i < 500; ++i) others.push_back(seen("B", "d1", 20 + i * 30));
  put(others);
  Location ahead = seen({}, "d1", 16'000);
  ahead.received_at = at(10);
  put({ahead, told(Kind::close, "A", 17'000), seen({}, "d1", 20'000)});
  EXPECT_EQ(last("A"), 10);
  put({seen({}, "d1", 9000)});
  EXPECT_EQ(last("A"), 9000);
}

TEST_P(StoreContract, a_deliverer_has_the_orders_that_are_assigned_to_it_now) {
  put({assign("A", 0, "d1"), assign("B", 1, "d1"), assign("C", 2, "d1"), seen("D", "d1", 3)});
  EXPECT_EQ(checked(store->deliverer(DelivererId("d1")))->orders,
            (std::vector<OrderId>{OrderId("A"), OrderId("B"), OrderId("C")}));
  put({told(Kind::close, "A", 5), told(Kind::cancel, "B", 6)});
  EXPECT_EQ(checked(store->deliverer(DelivererId("d1")))->orders, (std::vector<OrderId>{OrderId("C")}));
  put({assign("E", 7, "d9")});
  ASSERT_TRUE(checked(store->deliverer(DelivererId("d9"))));
  EXPECT_FALSE(checked(store->deliverer(DelivererId("d9")))->last);
}

TEST_P(StoreContract, cursors_walk_every_row_of_a_track_exactly_once) {
  if (!ground->holds_many()) GTEST_SKIP() << "too many rows for this database";
  std::vector<wire::Record> records{assign("A", 0, "d1"), told(Kind::reassign, "A", 9000, "d2"),
                                    told(Kind::reassign, "A", 12'000, "d1")};
  Seconds expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string who = i % 2 == 0 ? "d1" : "d2";
    records.push_back(seen({}, who, i * 9));
    const bool assigned = (i * 9 < 9000 || i * 9 >= 12'000) == (who == "d1");
    if (assigned) expected.push_back(i * 9);
    if (i % 5 == 0) records.push_back(seen("A", "d3", i * 9)), expected.push_back(i * 9);
    if (i % 7 == 0) records.push_back(seen("A", {}, i * 9)), expected.push_back(i * 9);
  }
  put(records);
  for (const size_t limit : {1, 2, 3, 17, 1000, 10'000}) EXPECT_EQ(order_track("A", limit), expected) << limit;
}

TEST_P(StoreContract, a_track_can_be_asked_for_a_part) {
  std::vector<wire::Record> records{assign("A", 0, "d1")};
  for (int i = 0; i < 100; ++i)
    records.push_back(seen(i % 2 ? std::optional<std::string>("A") : std::nullopt, "d1", i * 100));
  put(records);
  for (const bool by_order : {true, false}) {
    TrackQuery query{.order = {}, .deliverer = {}, .from = at(1000), .to = at(1400), .limit = 3, .cursor = {}};
    if (by_order)
      query.order = OrderId("A");
    else
      query.deliverer = DelivererId("d1");
    EXPECT_EQ(track(query), (Seconds{1000, 1100, 1200, 1300}));
  }
}

TEST_P(StoreContract, a_cursor_that_was_not_given_is_refused) {
  put({seen("A", "d1", 1), seen("A", "d1", 2), seen("B", "d1", 1), seen("B", "d1", 2)});
  TrackQuery query{.order = OrderId("A"), .deliverer = {}, .from = {}, .to = {}, .limit = 1, .cursor = {}};
  const std::string given = checked(store->track(query)).next_cursor;
  ASSERT_FALSE(given.empty());
  std::vector<std::string> wrong{"x", "zz", "00", "0000000000", given + "00", given.substr(2), std::string(2000, 'a')};
  std::string changed = given;
  changed.back() = changed.back() == '0' ? '1' : '0';
  wrong.push_back(changed);
  for (const std::string& cursor : wrong) {
    query.cursor = cursor;
    EXPECT_EQ(store->track(query).error().code, Code::invalid) << cursor;
    EXPECT_EQ(store->orders({.state = {}, .box = {}, .updated_since = {}, .limit = 1, .cursor = cursor}).error().code,
              Code::invalid);
    EXPECT_EQ(
        store->orders({.state = {}, .box = {}, .updated_since = at(0), .limit = 1, .cursor = cursor}).error().code,
        Code::invalid);
  }
  query.order = OrderId("B");
  query.cursor = given;
  EXPECT_EQ(store->track(query).error().code, Code::invalid);
}

TEST_P(StoreContract, limits_of_a_page_are_refused_when_they_are_none) {
  TrackQuery query{.order = OrderId("A"), .deliverer = {}, .from = {}, .to = {}, .limit = 0, .cursor = {}};
  EXPECT_EQ(store->track(query).error().code, Code::invalid);
  query.limit = track_limit_max + 1;
  EXPECT_EQ(store->track(query).error().code, Code::invalid);
  query.limit = 1;
  query.deliverer = DelivererId("d1");
  EXPECT_EQ(store->track(query).error().code, Code::invalid);
  EXPECT_EQ(store->orders({.state = {}, .box = {}, .updated_since = {}, .limit = orders_limit_max + 1, .cursor = {}})
                .error()
                .code,
            Code::invalid);
}

TEST_P(StoreContract, orders_are_found_by_state_and_by_where_they_are) {
  put({seen("A", "d1", 100, start), seen("B", "d2", 200, arrived), assign("C", 0, "d3"), seen({}, "d3", 300),
       assign("D", 0, "d4"), seen("E", "d5", 400, start)});
  OrdersQuery query{.state = {}, .box = {}, .updated_since = {}, .limit = 2, .cursor = {}};
  EXPECT_EQ(orders(query), (Names{"A", "B", "C", "D", "E"}));
  query.state = OrderState::start;
  EXPECT_EQ(orders(query), (Names{"A", "E"}));
  query.state = {};
  query.box = Box{.min_longitude = 12, .min_latitude = 52.0015, .max_longitude = 14, .max_latitude = 52.0035};
  EXPECT_EQ(orders(query), (Names{"B", "C"}));
  query.state = OrderState::open;
  EXPECT_EQ(orders(query), (Names{"C"}));
}

TEST_P(StoreContract, orders_are_found_by_when_they_or_their_deliverers_were_updated) {
  std::vector<wire::Record> records;
  for (int i = 0; i < 20; ++i) records.push_back(assign("A" + std::to_string(i), 0, "d" + std::to_string(i % 4)));
  put(records);
  put({seen({}, "d1", 600), seen("A2", "d7", 1200), seen("A5", "d7", 1800), seen({}, "d1", 601)});
  OrdersQuery query{.state = {}, .box = {}, .updated_since = at(500), .limit = 1, .cursor = {}};
  for (const size_t limit : {1, 2, 3, 100}) {
    query.limit = limit;
    Names found = orders(query);
    std::ranges::sort(found);
    EXPECT_EQ(found, (Names{"A1", "A13", "A17", "A2", "A5", "A9"})) << limit;
  }
  query.updated_since = at(1000);
  EXPECT_EQ(orders(query), (Names{"A2", "A5"}));
  query.updated_since = at(-5000);
  EXPECT_EQ(orders(query).size(), 20u);
  query.updated_since = at(100'000);
  EXPECT_EQ(orders(query), Names{});
}

TEST_P(StoreContract, cursors_walk_every_order_exactly_once_beyond_what_one_page_looks_at) {
  if (!ground->holds_many()) GTEST_SKIP() << "too many rows for this database";
  std::vector<wire::Record> records;
  const int count = static_cast<int>(orders_scan_max) + 500;
  for (int i = 0; i < count; ++i) records.push_back(seen("O" + std::to_string(i), "d1", 0));
  records.push_back(seen("Last", "d1", 0, start));
  put(records);
  OrdersQuery query{.state = OrderState::start, .box = {}, .updated_since = {}, .limit = 10, .cursor = {}};
  EXPECT_EQ(orders(query), (Names{"Last"}));
  query.updated_since = at(-100);
  EXPECT_EQ(orders(query), (Names{"Last"}));
  query.state = {};
  query.limit = 1000;
  const Names all = orders(query);
  EXPECT_EQ(all.size(), records.size());
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), records.size());
}

}  // namespace
}  // namespace waybill::store
