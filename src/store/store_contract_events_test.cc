#include <algorithm>

#include "store/store_contract.h"

namespace waybill::store {
namespace {

// "state a open>start @0": kind, order or deliverer, what changed, seconds of the fix or of the command.
Names told_of(const std::vector<Event>& events) {
  Names all;
  for (const Event& event : events) {
    std::string text(to_string(event.kind));
    text += ' ' + (event.order ? event.order->text : "of " + event.deliverer->text);
    if (event.was != event.state)
      text += ' ' + std::string(to_string(event.was)) + '>' + std::string(to_string(event.state));
    all.push_back(text + " @" + std::to_string(seconds_of(event.at)));
  }
  return all;
}

OrderCommand silent(const std::string& order, int64_t since, const std::string& reason = {}) {
  OrderCommand command = told(Kind::silent, order, since);
  command.received_at = at(since + 120);
  command.reason = reason;
  return command;
}

TEST_P(StoreContract, tells_of_each_location_whether_the_order_moved_or_its_track_was_corrected) {
  put({seen("a", "d", 10, start), seen("a", "d", 20, on_the_way), seen("a", "d", 15), seen("a", "d", 20, on_the_way)});
  EXPECT_EQ(told_of(events), (Names{"state a open>start @10", "location a @10", "state a start>on_the_way @20",
                                    "location a @20", "correction a @15"}));
  EXPECT_EQ(events[1].offset, 0u);
  EXPECT_FALSE(events[1].before);
  ASSERT_TRUE(events[3].before);
  EXPECT_EQ(events[3].before->latitude, 52 + 10 / 100'000.0);
  ASSERT_TRUE(events[4].location);
  EXPECT_EQ(events[4].location->received_at, at(16));
}

TEST_P(StoreContract, a_location_without_an_order_is_told_for_each_order_that_its_deliverer_has) {
  put({seen({}, "d", 1)});
  put({assign("a", 10, "d"), assign("b", 10, "d"), assign("c", 10, "e")});
  events.clear();
  put({seen({}, "d", 5), seen({}, "d", 20), told(Kind::close, "a", 30), seen({}, "d", 40), seen({}, "d", 25)});
  EXPECT_EQ(told_of(events), (Names{"location of d @5", "location a @20", "location b @20", "state a open>closed @30",
                                    "location b @40", "correction b @25"}));
}

TEST_P(StoreContract, an_assignment_of_the_same_batch_counts_for_the_locations_behind_it) {
  put({assign("a", 10, "d"), seen({}, "d", 20), told(Kind::reassign, "a", 30, "e"), seen({}, "d", 40),
       seen({}, "e", 41)});
  EXPECT_EQ(told_of(events), (Names{"state a @10", "assigned a @10", "location a @20", "assigned a @30",
                                    "location of d @40", "location a @41"}));
}

TEST_P(StoreContract, an_order_that_a_start_opens_again_is_told_of_where_its_deliverer_is) {
  put({assign("a", 10, "d"), told(Kind::close, "a", 20), assign("a", 30, "d")});
  put({seen({}, "d", 40)});
  put({seen("a", {}, 50, start)});
  events.clear();
  put({seen({}, "d", 60)});
  EXPECT_EQ(told_of(events), (Names{"location a @60"}));
}

TEST_P(StoreContract, who_has_an_order_is_followed_from_batch_to_batch) {
  put({seen({}, "d", 1), seen({}, "e", 1)});
  put({assign("b", 10, "d")});
  put({assign("a", 10, "d")});
  events.clear();
  put({seen({}, "d", 20), seen({}, "e", 20)});
  EXPECT_EQ(told_of(events), (Names{"location a @20", "location b @20", "location of e @20"}));
  put({told(Kind::reassign, "a", 30, "e")});
  events.clear();
  put({seen({}, "d", 40), seen({}, "e", 41)});
  EXPECT_EQ(told_of(events), (Names{"location b @40", "location a @41"}));
  put({told(Kind::close, "b", 50)});
  put({assign("b", 60, "e")});
  events.clear();
  put({seen({}, "d", 70), seen({}, "e", 71)});
  EXPECT_EQ(told_of(events), (Names{"location of d @70", "location a @71"}));
}

TEST_P(StoreContract, a_repeat_and_a_put_again_tell_nothing) {
  put({seen("a", "d", 10, start), seen("a", "d", 20)});
  events.clear();
  put({seen("a", "d", 10, start), seen("a", "d", 20)});
  std::vector<Event> again;
  ASSERT_TRUE(store->put(journal, log, &again));
  EXPECT_EQ(told_of(events), Names{});
  EXPECT_EQ(told_of(again), Names{});
}

TEST_P(StoreContract, a_fix_ahead_of_our_clock_corrects_the_track_and_moves_nothing) {
  Location ahead = seen("a", "d", 100'000, arrived);
  ahead.received_at = at(11);
  put({seen("a", "d", 10, start)});
  events.clear();
  put({ahead});
  EXPECT_EQ(told_of(events), Names{"correction a @100000"});
}

TEST_P(StoreContract, an_order_under_way_that_is_said_to_be_silent_is_so_until_it_is_heard_of) {
  put({seen("a", "d", 10, start)});
  events.clear();
  put({silent("a", 11, "low_battery")});
  EXPECT_EQ(told_of(events), Names{"silent a @11"});
  EXPECT_EQ(events[0].reason, "low_battery");
  ASSERT_TRUE(order("a"));
  EXPECT_EQ(order("a")->order.silent_since, at(11));
  EXPECT_EQ(order("a")->order.silence_reason, "low_battery");
  events.clear();
  put({silent("a", 11, "low_battery"), seen("a", "d", 9)});  // late, and heard all the same
  EXPECT_EQ(told_of(events), (Names{"heard a @9", "correction a @9"}));
  EXPECT_FALSE(order("a")->order.silent_since);
  books();
}

TEST_P(StoreContract, who_was_heard_of_meanwhile_is_not_made_silent) {
  put({seen("a", "d", 10, start), assign("a", 10, "d"), seen("b", "e", 10, start)});
  put({seen("b", "e", 50), seen({}, "d", 60)});
  events.clear();
  put({silent("a", 11), silent("b", 11), silent("nobody", 11), told(Kind::close, "b", 70), silent("b", 70)});
  EXPECT_EQ(told_of(events), Names{"state b start>closed @70"});
  EXPECT_FALSE(order("a")->order.silent_since);
  EXPECT_FALSE(order("nobody"));
  books();
}

TEST_P(StoreContract, a_silent_order_is_heard_of_through_its_deliverers_locations_too) {
  put({seen("a", "d", 10, start), assign("a", 10, "d")});
  put({silent("a", 30)});
  ASSERT_TRUE(order("a")->order.silent_since);
  crash();
  replay();
  ASSERT_TRUE(order("a")->order.silent_since);
  events.clear();
  put({seen({}, "d", 200)});
  EXPECT_EQ(told_of(events), (Names{"heard a @200", "location a @200"}));
  EXPECT_FALSE(order("a")->order.silent_since);
}

Names unheard_ids(const Store& store, UnheardQuery query) {
  Names ids;
  for (const Unheard& unheard : checked(store.unheard(query)).orders)
    ids.push_back(unheard.order.order.id.text + " @" + std::to_string(seconds_of(unheard.heard_at)));
  std::ranges::sort(ids);
  return ids;
}

TEST_P(StoreContract, finds_the_orders_under_way_that_nothing_was_heard_of) {
  put({seen("quiet", "d", 10, start), seen("there", "e", 10, arrived), seen("ended", "f", 10, start),
       assign("never", 10, "g"), seen("carried", "h", 10, start), assign("carried", 12, "h"),
       seen("busy", "i", 10, start), assign("busy", 12, "i"), seen("said", "j", 10, start)});
  put({told(Kind::close, "ended", 20), silent("said", 11), seen({}, "i", 200)});
  const UnheardQuery all{.since = at(0), .before = at(100), .limit = 10};
  EXPECT_EQ(unheard_ids(*store, all), (Names{"carried @12", "quiet @11"}));
  EXPECT_EQ(unheard_ids(*store, {.since = at(0), .before = at(11), .limit = 10}), Names{"quiet @11"});
  EXPECT_EQ(unheard_ids(*store, {.since = at(300), .before = at(900), .limit = 10}), Names{});
  EXPECT_EQ(unheard_ids(*store, {.since = at(0), .before = at(900), .limit = 10}),
            (Names{"busy @201", "carried @12", "quiet @11"}));
  const UnheardPage one = checked(store->unheard({.since = at(0), .before = at(100), .limit = 1}));
  EXPECT_EQ(one.orders.size(), 1u);
  EXPECT_TRUE(one.more);
}

}  // namespace
}  // namespace waybill::store
