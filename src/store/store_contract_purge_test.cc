#include "store/quiet.h"
#include "store/store_contract.h"

namespace waybill::store {
namespace {

constexpr int64_t day = 86'400;

TEST_P(StoreContract, what_was_let_go_is_not_there_any_more_and_the_books_say_so) {
  Location named = seen("A", "d1", 10, arrived);
  named.client_id = "c1";
  put({seen("A", "d1", 5), named, seen({}, "d2", 20),
       wire::Quarantined{.source = "s", .field = "f", .reason = "r", .raw = "1", .received_at = at(1)},
       told(Kind::close, "A", 30)});
  fill(ledger_span, 3600);
  put({seen("B", "d1", 4000), seen({}, "d1", 4001)});
  let_go(ledger_span);

  EXPECT_EQ(store->watermarks().purged, ledger_span);
  EXPECT_EQ(order("A"), std::nullopt);
  EXPECT_EQ(order_track("A"), Seconds{});
  EXPECT_FALSE(checked(store->deliverer(DelivererId("d2"))));
  EXPECT_EQ(deliverer_track("d1"), (Seconds{4000, 4001}));
  EXPECT_EQ(last("B"), 4000);
  EXPECT_EQ(orders({.state = {}, .box = {}, .updated_since = at(0), .limit = 10, .cursor = {}}), (Names{"B"}));
  EXPECT_TRUE(checked(store->find("c1")).empty());
  EXPECT_TRUE(checked(store->quarantined(0, 10)).rows.empty());
  const Ledger all = books();
  EXPECT_EQ(all.of(Outcome::purged).count, ledger_span);
  EXPECT_EQ(all.of(Outcome::stored).count, 2u);
  EXPECT_EQ(checked(store->ledgers()).size(), 2u);
}

TEST_P(StoreContract, ledgers_know_when_their_newest_record_was_received) {
  put({seen("A", "d1", 500), seen("A", "d1", 5)});
  EXPECT_EQ(checked(store->ledgers()).back().newest, at(501));
}

TEST_P(StoreContract, only_whole_ledgers_that_are_durable_can_be_let_go) {
  fill(ledger_span + 10, 1);
  EXPECT_EQ(store->purge(ledger_span).error().code, Code::invalid) << "nothing is durable yet";
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(store->purge(ledger_span - 1).error().code, Code::invalid);
  EXPECT_EQ(store->purge(2 * ledger_span).error().code, Code::invalid);
  EXPECT_EQ(checked(store->purge(0)), false);
  EXPECT_EQ(store->watermarks().purged, 0u);
  let_go(ledger_span);
  let_go(0);
  EXPECT_EQ(store->watermarks().purged, ledger_span);
  EXPECT_EQ(books().of(Outcome::purged).count, ledger_span);
}

TEST_P(StoreContract, last_is_the_newest_that_is_left) {
  put({seen("A", "d1", 9000), seen({}, "d1", 9001)});
  fill(ledger_span, 1);
  put({seen("A", "d1", 50), seen("A", "d1", 7500), seen({}, "d1", 60), seen({}, "d1", 20), seen("A", {}, 70)});
  EXPECT_EQ(last("A"), 9000);
  let_go(ledger_span);
  EXPECT_EQ(last("A"), 7500);
  EXPECT_EQ(seconds_of(checked(store->deliverer(DelivererId("d1")))->last->location.fix_time), 7500);
  put({seen("A", "d1", 8000), assign("B", 0, "d1")});
  EXPECT_EQ(last("A"), 8000);
  EXPECT_EQ(last("B"), 60);
  EXPECT_EQ(order_track("A"), (Seconds{50, 70, 7500, 8000}));
}

TEST_P(StoreContract, what_was_let_go_is_new_when_it_is_sent_again) {
  Location named = seen("A", "d1", 10);
  named.client_id = "c1";
  put({named, seen("A", "d1", 20)});
  fill(ledger_span, 30);
  let_go(ledger_span);
  put({named, seen("A", "d1", 20), named, seen("A", "d1", 20)});
  EXPECT_EQ(order_track("A"), (Seconds{10, 20}));
  EXPECT_EQ(checked(store->find("c1")), (std::vector<Found>{{.scope = "dd1", .offset = ledger_span}}));
  EXPECT_EQ(books().of(Outcome::stored).count, 2u);
  EXPECT_EQ(books().of(Outcome::repeat).count, 2u);
}

TEST_P(StoreContract, what_was_let_go_stays_so_after_a_crash) {
  put({seen("A", "d1", 10), told(Kind::close, "A", 20)});
  fill(ledger_span, 3600);
  put({seen("B", "d1", 4000)});
  let_go(ledger_span);
  ASSERT_TRUE(store->flush());
  put({seen("B", "d1", 4001), seen("A", "d2", 10)});
  const std::string before = everything_of(*store);
  crash();
  EXPECT_EQ(store->watermarks().purged, ledger_span);
  EXPECT_EQ(books().of(Outcome::purged).count, ledger_span);
  replay();
  EXPECT_EQ(everything_of(*store), before);
  ASSERT_TRUE(put_from(0)) << "positions that were let go are skipped";
  EXPECT_EQ(everything_of(*store), before);
}

TEST_P(StoreContract, an_order_that_is_awaited_or_has_a_location_left_stays) {
  OrderCommand awaited = told(Kind::put, "awaited", 0);
  awaited.sequence = 3;
  put({awaited, assign("held", 0, "d1"), seen("left", "d2", 5), seen("ended", "d3", 6),
       told(Kind::cancel, "ended", 7)});
  fill(ledger_span, 3600);
  Location late = seen("left", "d2", 8);
  put({late});
  let_go(ledger_span);
  EXPECT_EQ(orders({.state = {}, .box = {}, .updated_since = {}, .limit = 10, .cursor = {}}),
            (Names{"awaited", "held", "left"}));
  EXPECT_EQ(checked(store->deliverer(DelivererId("d1")))->orders, (std::vector<OrderId>{OrderId("held")}));
  EXPECT_EQ(last("left"), 8);

  fill(2 * ledger_span, (quiet_order_days + 1) * day);
  let_go(2 * ledger_span);
  EXPECT_EQ(orders({.state = {}, .box = {}, .updated_since = {}, .limit = 10, .cursor = {}}), Names{});
  let_go(2 * ledger_span);
  EXPECT_FALSE(checked(store->deliverer(DelivererId("d1"))));
  EXPECT_EQ(checked(store->ledgers()).size(), 1u);
  put({seen("held", "d1", 100 * day)});
  EXPECT_EQ(order_track("held"), (Seconds{100 * day}));
}

}  // namespace
}  // namespace waybill::store
