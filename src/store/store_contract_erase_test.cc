#include "store/store_contract.h"

namespace waybill::store {
namespace {

Erasure erasure_of(const Ground& ground, Erasure::Kind kind, const std::string& id) {
  return {.kind = kind, .name = ground.erased->hash_of(kind, id), .at = at(100), .by = "admin"};
}

// Until there is nothing more to do.
Swept erase_all(Store& store, const Erasure& erasure) {
  Swept all;
  for (;;) {
    const Swept swept = checked(store.erase(erasure));
    all.locations += swept.locations;
    all.others += swept.others;
    if (!swept.more) return all;
  }
}

TEST_P(StoreContract, an_erased_deliverer_is_in_no_row_and_in_the_books_as_erased) {
  Location own = seen({}, "d1", 30);
  own.client_id = "c1";
  Grant grant;
  grant.id = "j1";
  grant.subject = "d1";
  grant.at = at(1);
  const Erasure erasure = erasure_of(*ground, Erasure::Kind::deliverer, "d1");
  put({assign("A", 0, "d1"), assign("B", 0, "d2"), seen("A", "d1", 10, start), seen("B", "d2", 20), own, grant,
       seen("B", "d1", 40),
       Hook{.id = "h", .url = "https://a.example/", .events = {Event::Kind::location}, .at = at(1)}, seen({}, "d1", 50),
       told(Kind::reassign, "B", 60, "d1"), erasure});
  EXPECT_EQ(order_track("B"), (Seconds{20, 40}));
  const Ledger before = books();
  const Swept swept = erase_all(*store, erasure);
  EXPECT_EQ(swept.locations, 4u);
  const Ledger after = books();
  EXPECT_EQ(after.total(), before.total());
  EXPECT_EQ(after.of(Outcome::erased).count, 4u);
  EXPECT_EQ(deliverer_track("d1"), Seconds{});
  EXPECT_FALSE(checked(store->deliverer(DelivererId("d1"))));
  EXPECT_EQ(order_track("A"), Seconds{});
  EXPECT_EQ(order_track("B"), Seconds{20});
  EXPECT_EQ(last("B"), 20);
  EXPECT_FALSE(order("A")->order.deliverer);
  const auto other = order("B");
  for (const Assignment& assignment : other->order.assignments) EXPECT_EQ(assignment.deliverer.text, "d2");
  EXPECT_TRUE(checked(store->find("c1")).empty());
  EXPECT_EQ(checked(store->access(Grant::Kind::token, "j1"))->given.subject, "");
  EXPECT_TRUE(checked(store->outbox({}, 1000)).empty());
  const std::string all = everything_of(*store), rows = all.substr(0, all.find("ledger"));  // sums may look like a name
  EXPECT_EQ(rows.find("d1"), std::string::npos) << rows;
  EXPECT_EQ(deliverer_track("d2"), Seconds{20});
}

TEST_P(StoreContract, an_erased_order_takes_its_locations_and_leaves_its_deliverer) {
  const Erasure erasure = erasure_of(*ground, Erasure::Kind::order, "A");
  put({assign("A", 0, "d1"), seen("A", "d1", 10, start), seen({}, "d1", 20), seen("A", {}, 30), seen("B", "d1", 5),
       erasure});
  const Sum total = books().total();
  erase_all(*store, erasure);
  EXPECT_EQ(books().total(), total);
  EXPECT_EQ(books().of(Outcome::erased).count, 3u);
  EXPECT_FALSE(order("A"));
  EXPECT_EQ(orders({.state = {}, .box = {}, .updated_since = {}, .limit = 10, .cursor = {}}), Names{"B"});
  EXPECT_EQ(deliverer_track("d1"), (Seconds{5, 20}));
  EXPECT_TRUE(checked(store->deliverer(DelivererId("d1")))->orders.empty());
}

TEST_P(StoreContract, what_comes_under_an_erased_name_is_counted_and_not_kept) {
  put({erasure_of(*ground, Erasure::Kind::deliverer, "d1"), seen({}, "d1", 10), seen("A", "d1", 20),
       assign("B", 30, "d1"), seen({}, "d2", 40)});
  EXPECT_EQ(books().of(Outcome::erased).count, 2u);
  EXPECT_EQ(books().of(Outcome::stored).count, 3u);
  EXPECT_FALSE(checked(store->deliverer(DelivererId("d1"))));
  EXPECT_FALSE(order("A"));
  EXPECT_FALSE(order("B")->order.deliverer);
  const Ledger books_before = books();
  crash();
  replay();
  EXPECT_EQ(books(), books_before);
  ASSERT_TRUE(store->flush());
  crash();  // the name is known from the rows now
  put({seen({}, "d1", 50)});
  EXPECT_EQ(books().of(Outcome::erased).count, 3u);
  const auto rows = checked(store->erasures());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].offset, 0u);
}

TEST_P(StoreContract, an_erasure_that_a_crash_broke_off_is_done_again_from_its_beginning) {
  std::vector<wire::Record> records;
  constexpr int count = 600;
  for (int i = 0; i < count; ++i) records.emplace_back(seen({}, i % 2 == 0 ? "d1" : "d2", i));
  const Erasure erasure = erasure_of(*ground, Erasure::Kind::deliverer, "d1");
  records.emplace_back(erasure);
  put(records);
  ASSERT_TRUE(store->flush());
  const Sum total = books().total();
  EXPECT_TRUE(checked(store->erase(erasure)).more);
  EXPECT_EQ(books().total(), total);
  crash();
  if (ground->forgets()) {
    EXPECT_EQ(books().of(Outcome::erased).count, 0u);
  }
  erase_all(*store, erasure);
  EXPECT_EQ(books().of(Outcome::erased).count, count / 2u);
  EXPECT_EQ(books().total(), total);
  crash();
  EXPECT_EQ(books().of(Outcome::erased).count, count / 2u);
  EXPECT_EQ(deliverer_track("d2").size(), count / 2u);
}

TEST_P(StoreContract, of_two_who_are_erased_at_once_each_is_counted_by_itself) {
  const Erasure deliverer = erasure_of(*ground, Erasure::Kind::deliverer, "d1");
  const Erasure order = erasure_of(*ground, Erasure::Kind::order, "B");
  put({assign("A", 0, "d1"), assign("B", 0, "d2"), seen("A", "d1", 10, start), seen("B", "d2", 20), seen("B", "d1", 30),
       seen("B", "d2", 40), deliverer, order});
  const Sum total = books().total();
  const Swept begun = checked(store->erase(order));
  EXPECT_EQ(begun.locations, 3u) << "those of both names are the first one's";
  EXPECT_TRUE(begun.more);
  EXPECT_EQ(erase_all(*store, deliverer).locations, 1u) << "it begins with the first table, whatever was broken off";
  EXPECT_TRUE(this->order("B"));
  EXPECT_EQ(erase_all(*store, order).locations, 0u);
  EXPECT_FALSE(this->order("B"));
  EXPECT_EQ(books().of(Outcome::erased).count, 5u);
  EXPECT_EQ(books().total(), total);
}

TEST_P(StoreContract, remains_of_the_journal_are_books_only_and_what_they_left_is_taken_in) {
  OrderCommand command = assign("A", 5, "d9");
  wire::Remains with_rest{.carry = {.high = 1, .low = 2}, .rest = {}};
  wire::encode_record(wire::Record(command), with_rest.rest);
  put({wire::Remains{}, with_rest, wire::Remains{.carry = {.high = 3, .low = 4}, .rest = {}}});
  EXPECT_EQ(books().of(Outcome::erased).count, 2u);
  EXPECT_EQ(books().of(Outcome::erased).ids, (Hash128{.high = 4, .low = 6}));
  EXPECT_EQ(books().of(Outcome::stored).count, 1u);
  EXPECT_TRUE(order("A"));
}

}  // namespace
}  // namespace waybill::store
