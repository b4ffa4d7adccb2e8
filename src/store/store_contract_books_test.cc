#include "store/store_contract.h"
#include "wire/record.h"

namespace waybill::store {
namespace {

TEST_P(StoreContract, what_does_not_fit_is_quarantined_with_its_reason) {
  const wire::Quarantined bad{
      .source = "locations", .field = "latitude", .reason = "is not a number", .raw = "{}", .received_at = at(1)};
  OrderCommand refused = told(Kind::put, "A", 10);
  refused.assignments = {{.deliverer = DelivererId("d1"), .from = at(10), .to = at(5)}};
  put({bad, refused, seen("A", "d1", 1)});
  const Entry undecoded{.offset = 3, .record = {}, .undecoded = "\xff\x01garbage"};
  log.push_back(undecoded);
  ASSERT_TRUE(store->put(journal, std::span(&undecoded, 1)));

  const auto rows = checked(store->quarantined(0, 10)).rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].what, bad);
  EXPECT_EQ(rows[1].offset, 1u);
  EXPECT_NE(rows[1].what.reason.find("must end after it begins"), std::string::npos);
  EXPECT_EQ(checked(wire::decode_record(as_bytes(rows[1].what.raw))), wire::Record(refused));
  EXPECT_EQ(rows[2].what.raw, undecoded.undecoded);
  const QuarantinePage first = checked(store->quarantined(0, 2));
  EXPECT_EQ(first.rows.size(), 2u);
  EXPECT_EQ(first.next, 3u);
  EXPECT_EQ(checked(store->quarantined(first.next, 2)).rows.size(), 1u);
  EXPECT_EQ(checked(store->quarantined(first.next, 2)).next, 0u);
  EXPECT_EQ(books().of(Outcome::quarantined).count, 3u);
  EXPECT_TRUE(order("A")->order.assignments.empty());
}

TEST_P(StoreContract, a_location_outside_of_time_is_quarantined) {
  Location never = seen("A", "d1", 1);
  never.fix_time = Time::max();
  Location long_ago = seen("A", "d1", 1);
  long_ago.received_at = Time::min();
  put({never, long_ago});
  EXPECT_EQ(books().of(Outcome::quarantined).count, 2u);
  EXPECT_EQ(order("A"), std::nullopt);
}

TEST_P(StoreContract, ledgers_add_up_over_many_spans_and_equal_the_rows) {
  if (!ground->holds_many()) GTEST_SKIP() << "too many rows for this database";
  std::vector<Entry> entries;
  Sum sent;
  for (uint64_t i = 0; i < 2 * ledger_span + 100; ++i) {
    entries.push_back(
        {.offset = i, .record = seen({}, "d" + std::to_string(i % 5), static_cast<int64_t>(i / 3)), .undecoded = {}});
    sent.add(wire::event_id_of(*entries.back().record));
    if (entries.size() < 20'000 && i + 1 < 2 * ledger_span + 100) continue;
    ASSERT_TRUE(store->put(journal, entries));
    entries.clear();
  }
  EXPECT_EQ(checked(store->ledgers()).size(), 3u);
  const Ledger all = books();
  EXPECT_EQ(all.total(), sent);
  const auto taken = store->watermarks().taken;
  for (const Outcome outcome : {Outcome::stored, Outcome::repeat, Outcome::quarantined})
    EXPECT_EQ(taken[static_cast<size_t>(outcome)], all.of(outcome).count) << to_string(outcome);
}

TEST_P(StoreContract, put_twice_changes_nothing) {
  put({assign("A", 0, "d1"), seen("A", "d1", 1), seen({}, "d1", 2), told(Kind::close, "A", 3), seen("A", "d1", 1)});
  const std::string before = everything_of(*store);
  ASSERT_TRUE(put_from(0));
  ASSERT_TRUE(put_from(2, 1));
  EXPECT_EQ(everything_of(*store), before);
}

TEST_P(StoreContract, a_batch_that_overlaps_goes_on_where_the_store_is) {
  put({seen("A", "d1", 1), seen("A", "d1", 2)});
  log.push_back({.offset = 2, .record = seen("A", "d1", 3), .undecoded = {}});
  ASSERT_TRUE(put_from(1));
  EXPECT_EQ(order_track("A"), (Seconds{1, 2, 3}));
  EXPECT_EQ(books().of(Outcome::repeat).count, 0u);
}

TEST_P(StoreContract, a_gap_or_another_journal_is_refused_and_changes_nothing) {
  put({seen("A", "d1", 1)});
  const std::string before = everything_of(*store);
  const std::vector<Entry> behind{{.offset = 2, .record = seen("A", "d1", 3), .undecoded = {}}};
  EXPECT_EQ(store->put(journal, behind).error().code, Code::invalid);
  const std::vector<Entry> holes{{.offset = 1, .record = seen("A", "d1", 3), .undecoded = {}},
                                 {.offset = 3, .record = seen("A", "d1", 4), .undecoded = {}}};
  EXPECT_EQ(store->put(journal, holes).error().code, Code::invalid);
  const std::vector<Entry> next{{.offset = 1, .record = seen("A", "d1", 3), .undecoded = {}}};
  for (const Position other :
       {Position{.epoch = 6, .partition = 3, .offset = 0}, Position{.epoch = 7, .partition = 4, .offset = 0}})
    EXPECT_EQ(store->put(other, next).error().code, Code::conflict);
  const std::vector<Entry> again{{.offset = 0, .record = seen("A", "d1", 2), .undecoded = {}}, next[0]};
  EXPECT_EQ(store->put({.epoch = 8, .partition = 3, .offset = 0}, again).error().code, Code::conflict);
  EXPECT_EQ(everything_of(*store), before);
  EXPECT_TRUE(store->put(journal, next));
}

TEST_P(StoreContract, it_goes_on_under_a_higher_epoch_and_not_back) {
  put({seen("A", "d1", 1)});
  const std::vector<Entry> next{{.offset = 1, .record = seen("A", "d1", 3), .undecoded = {}}};
  ASSERT_TRUE(store->put({.epoch = 9, .partition = journal.partition, .offset = 1}, next));
  EXPECT_EQ(store->watermarks().epoch, 9u);
  const std::vector<Entry> later{{.offset = 2, .record = seen("A", "d1", 4), .undecoded = {}}};
  EXPECT_EQ(store->put(journal, later).error().code, Code::conflict);
  EXPECT_TRUE(store->put({.epoch = 9, .partition = journal.partition, .offset = 2}, later));
}

TEST_P(StoreContract, a_crash_falls_back_to_the_durable_watermark_and_putting_again_gives_the_same) {
  Location named = seen("A", "d1", 3);
  named.client_id = "c1";
  put({assign("A", 0, "d1"), seen("A", "d1", 1, start), seen({}, "d2", 2)});
  EXPECT_EQ(store->watermarks().durable, 0u);
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(store->watermarks().durable, 3u);
  put({named, told(Kind::reassign, "A", 2, "d2"), seen({}, "d2", 5)});
  put({seen("A", "d1", 1, start), told(Kind::close, "A", 6)});
  EXPECT_EQ(store->watermarks().visible, 8u);
  const std::string before = everything_of(*store);
  crash();
  EXPECT_EQ(store->watermarks().visible, ground->forgets() ? 3u : 8u);
  EXPECT_EQ(store->watermarks().durable, store->watermarks().visible);
  EXPECT_EQ(store->watermarks().epoch, journal.epoch);
  EXPECT_EQ(order("A")->order.state(), ground->forgets() ? OrderState::start : OrderState::closed);
  replay();
  EXPECT_EQ(everything_of(*store), before);
  ASSERT_TRUE(store->flush());
  crash();
  EXPECT_EQ(store->watermarks().visible, 8u);
  EXPECT_EQ(everything_of(*store), before);
}

TEST_P(StoreContract, repeats_are_found_after_opening_again) {
  put({seen("A", "d1", 10), seen("A", "d1", 5), assign("A", 0, "d1")});
  ASSERT_TRUE(store->flush());
  reopen();
  Location again = seen("A", "d1", 5);
  put({again, seen("A", "d1", 10), seen("A", "d1", 7), seen("A", "d1", 12), seen("A", "d1", 12)});
  EXPECT_EQ(order_track("A"), (Seconds{5, 7, 10, 12}));
  EXPECT_EQ(books().of(Outcome::repeat).count, 3u);
  put({told(Kind::reassign, "A", 20, "d2")});
  EXPECT_TRUE(checked(store->deliverer(DelivererId("d1")))->orders.empty());
}

TEST_P(StoreContract, an_id_that_begins_like_another_is_another) {
  put({seen("A", "d1", 1), seen("AA", "d11", 2), seen("A", "d", 3), assign("A1", 0, "d"), seen({}, "d", 4)});
  EXPECT_EQ(order_track("A"), (Seconds{1, 3}));
  EXPECT_EQ(order_track("A1"), (Seconds{4}));
  EXPECT_EQ(deliverer_track("d"), (Seconds{3, 4}));
  EXPECT_EQ(deliverer_track("d1"), (Seconds{1}));
}

}  // namespace
}  // namespace waybill::store
