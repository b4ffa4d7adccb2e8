#include "store/store_contract.h"

namespace waybill::store {
namespace {

Hook hook(const std::string& id, EventKinds events) {
  return {.id = id, .removed = false, .url = "https://a.example/" + id, .events = events, .at = at(1), .by = "admin"};
}
Hook removed(const std::string& id) { return {.id = id, .removed = true, .at = at(2), .by = "admin"}; }

constexpr EventKinds states = {Event::Kind::state};

// "3.0 state a": place, kind, order.
Names outbox_of(const Store& store, size_t page = 1000) {
  Names all;
  EventPlace from;
  for (;;) {
    const auto rows = checked(store.outbox(from, page));
    for (const OutboxRow& row : rows) {
      EXPECT_EQ(row.event.offset, row.place.offset);
      all.push_back(std::to_string(row.place.offset) + "." + std::to_string(row.place.number) + " " +
                    std::string(to_string(row.event.kind)) + " " + (row.event.order ? row.event.order->text : "-"));
    }
    if (rows.empty()) return all;
    from = rows.back().place.next();
  }
}

TEST_P(StoreContract, a_webhook_is_what_was_said_of_it_last_until_it_is_removed) {
  put({hook("h1", states), hook("h2", states)});
  Hook changed = hook("h1", {Event::Kind::silent});
  changed.note = "the shop";
  put({changed, removed("h2")});
  const auto hooks = checked(store->hooks());
  ASSERT_EQ(hooks.size(), 1u);
  EXPECT_EQ(hooks[0].since, 0u);
  EXPECT_EQ(hooks[0].hook, changed);
  EXPECT_EQ(books().of(Outcome::stored).count, 4u);
}

TEST_P(StoreContract, what_a_webhook_wants_waits_from_its_record_on) {
  put({seen("a", "d", 10, start), hook("h", {Event::Kind::state, Event::Kind::assigned}), seen("b", "d", 20, start),
       seen("b", "d", 30), assign("c", 40, "d")});
  EXPECT_EQ(outbox_of(*store), (Names{"2.0 state b", "4.0 state c", "4.1 assigned c"}));
  EXPECT_EQ(outbox_of(*store, 1), outbox_of(*store));
  put({hook("i", {Event::Kind::location}), seen("b", "d", 50, on_the_way), removed("h"), seen("b", "d", 60, arrived),
       removed("i"), seen("b", "d", 70, start)});
  EXPECT_EQ(outbox_of(*store),
            (Names{"2.0 state b", "4.0 state c", "4.1 assigned c", "6.0 state b", "6.1 location b", "8.1 location b"}));
}

TEST_P(StoreContract, what_waits_is_the_same_with_and_without_somebody_who_asks_what_happened) {
  const std::vector<wire::Record> records = {hook("h", states), seen("a", "d", 10, start), seen("a", "d", 20, arrived)};
  put(records);
  const Names waiting = outbox_of(*store);
  crash();
  ASSERT_TRUE(store->put(journal, log));
  EXPECT_EQ(outbox_of(*store), waiting);
  EXPECT_EQ(waiting.size(), 2u);
}

TEST_P(StoreContract, what_waits_is_the_same_after_a_crash_whatever_batches_it_is_put_again_in) {
  put({hook("h", EventKinds::of_bits(EventKinds::all_bits)), assign("a", 1, "d"), seen({}, "d", 10)});
  ASSERT_TRUE(store->flush());
  put({seen("a", "d", 20, start), assign("b", 5, "d"), seen({}, "d", 30), removed("h"), seen({}, "d", 40),
       hook("h", states), seen("b", "d", 50, arrived)});
  const Names waiting = outbox_of(*store);
  for (const size_t batch : {1, 2, 3, 100}) {
    crash();
    ASSERT_TRUE(put_from(store->watermarks().visible, batch));
    EXPECT_EQ(outbox_of(*store), waiting);
  }
}

TEST_P(StoreContract, what_happened_while_no_webhook_was_there_does_not_count) {
  const std::vector<wire::Record> before = {hook("h", states), removed("h"), seen("a", "d", 10, start)};
  put(before);
  put({hook("i", states), seen("a", "d", 30, arrived)});
  crash();
  // Again, and nobody asks what happened.
  ASSERT_TRUE(store->put(journal, std::span(log).first(before.size())));
  ASSERT_TRUE(store->put(journal, log));
  EXPECT_EQ(outbox_of(*store), (Names{"4.0 state a"}));
}

TEST_P(StoreContract, the_outbox_is_dropped_below_an_offset_a_part_at_a_time) {
  std::vector<wire::Record> records = {hook("h", {Event::Kind::location, Event::Kind::correction})};
  const size_t count = outbox_drop_max + 10;
  for (size_t i = 0; i < count; ++i) records.push_back(seen("a", "d", static_cast<int64_t>(i)));
  put(records);
  EXPECT_FALSE(checked(store->drop_outbox(1)));
  EXPECT_EQ(checked(store->outbox({}, 1)).front().place.offset, 1u);
  EXPECT_TRUE(checked(store->drop_outbox(count)));
  EXPECT_FALSE(checked(store->drop_outbox(count)));
  const auto left = checked(store->outbox({}, 10));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].place.offset, count);
  EXPECT_FALSE(checked(store->drop_outbox(UINT64_MAX)));
  EXPECT_TRUE(checked(store->outbox({}, 1)).empty());
  put({seen("a", "d", 1'000'000)});
  EXPECT_EQ(checked(store->outbox({}, 10)).size(), 1u);
  books();
}

TEST_P(StoreContract, webhooks_stay_when_their_positions_were_let_go) {
  put({hook("h", states)});
  fill(ledger_span + 1, 10);
  let_go(ledger_span);
  EXPECT_EQ(checked(store->hooks()).size(), 1u);
  EXPECT_EQ(checked(store->outbox({}, 10)).size(), 0u);
  put({seen("new", "d", 2'000'000, start)});
  EXPECT_EQ(checked(store->outbox({}, 10)).size(), 1u);
  books();
}

}  // namespace
}  // namespace waybill::store
