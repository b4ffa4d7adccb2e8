#include "store/store_contract.h"

#include <algorithm>

#include "wire/record.h"

namespace waybill::store {
namespace {

void write_kept(std::string& into, const Kept& kept) {
  into += "  " + std::to_string(kept.offset) + " ";
  wire::encode_record(kept.location, into);
  into += "\n";
}

void write_order(std::string& into, const OrderView& view) {
  const Order& order = view.order;
  into += "order " + order.id.text + (order.id.integer ? "i " : " ") + std::string(to_string(order.state())) + " by " +
          (order.deliverer ? order.deliverer->text : "-") + (order.assigned ? " assigned" : "") + " updated " +
          std::to_string(to_us(order.updated_at)) + " created " + std::to_string(to_us(order.created_at)) + " " +
          order.attributes + (order.silent_since ? " silent since " + std::to_string(to_us(*order.silent_since)) : "") +
          order.silence_reason + "\n";
  for (const Assignment& assignment : order.assignments)
    into += "  " + assignment.deliverer.text + " " + std::to_string(to_us(assignment.from)) + " " +
            (assignment.to ? std::to_string(to_us(*assignment.to)) : "-") + "\n";
  if (view.last) write_kept(into, *view.last);
}

}  // namespace

void StoreContract::put(const std::vector<wire::Record>& records) {
  std::vector<Entry> entries;
  for (const wire::Record& record : records)
    entries.push_back({.offset = log.size() + entries.size(), .record = record, .undecoded = {}});
  log.insert(log.end(), entries.begin(), entries.end());
  const auto done = store->put(journal, entries, &events);
  ASSERT_TRUE(done) << done.error().message;
}

Result<void> StoreContract::put_from(uint64_t offset, size_t batch) {
  for (; offset < log.size(); offset += batch)
    TRY(store->put(journal, std::span(log).subspan(offset, std::min(batch, log.size() - offset))));
  return {};
}

void StoreContract::reopen() {
  store.reset();
  auto opened = ground->open();
  ASSERT_TRUE(opened) << opened.error().message;
  store = std::move(*opened);
}

void StoreContract::fill(uint64_t end, int64_t seconds) {
  while (log.size() < end) {
    std::vector<wire::Record> same(std::min<uint64_t>(16'384, end - log.size()), seen({}, "filler", seconds));
    put(same);
  }
}

void StoreContract::let_go(uint64_t below) {
  ASSERT_TRUE(store->flush());
  for (int calls = 0; calls < 1000; ++calls) {
    const auto more = store->purge(below);
    ASSERT_TRUE(more) << more.error().message;
    if (!*more) return;
  }
  ADD_FAILURE() << "there is always more to remove";
}

void StoreContract::replay() {
  const auto done = put_from(store->watermarks().visible);
  ASSERT_TRUE(done) << done.error().message;
}

std::vector<int64_t> StoreContract::track(TrackQuery query) const {
  std::vector<int64_t> seconds;
  for (int pages = 0; pages < 100'000; ++pages) {
    const TrackPage page = checked(store->track(query));
    EXPECT_LE(page.locations.size(), query.limit);
    for (const Kept& kept : page.locations) seconds.push_back(seconds_of(kept.location.fix_time));
    if (page.next_cursor.empty()) return seconds;
    query.cursor = page.next_cursor;
  }
  ADD_FAILURE() << "the track does not end";
  return seconds;
}

std::vector<int64_t> StoreContract::order_track(const std::string& id, size_t limit) const {
  return track({.order = OrderId(id), .deliverer = {}, .from = {}, .to = {}, .limit = limit, .cursor = {}});
}

std::vector<int64_t> StoreContract::deliverer_track(const std::string& id, size_t limit) const {
  return track({.order = {}, .deliverer = DelivererId(id), .from = {}, .to = {}, .limit = limit, .cursor = {}});
}

std::optional<OrderView> StoreContract::order(const std::string& id) const {
  return checked(store->order(OrderId(id)));
}

std::optional<int64_t> StoreContract::last(const std::string& id) const {
  const auto view = order(id);
  const auto page = checked(store->track(
      {.order = OrderId(id), .deliverer = {}, .from = {}, .to = {}, .limit = track_limit_max, .cursor = {}}));
  std::optional<Kept> newest;
  for (const Kept& kept : page.locations)
    if (!is_ahead(kept.location)) newest = kept;
  EXPECT_EQ(view ? view->last : std::nullopt, newest);
  if (!view || !view->last) return std::nullopt;
  return seconds_of(view->last->location.fix_time);
}

std::vector<std::string> StoreContract::orders(OrdersQuery query) const {
  std::vector<std::string> ids;
  for (int pages = 0; pages < 100'000; ++pages) {
    const OrdersPage page = checked(store->orders(query));
    EXPECT_LE(page.orders.size(), query.limit);
    for (const OrderView& view : page.orders) ids.push_back(view.order.id.text);
    if (page.next_cursor.empty()) return ids;
    query.cursor = page.next_cursor;
  }
  ADD_FAILURE() << "the orders do not end";
  return ids;
}

Ledger StoreContract::books() const {
  Ledger all;
  for (const Ledger& ledger : checked(store->ledgers())) {
    EXPECT_EQ(ledger.from, all.to);
    EXPECT_EQ(ledger.total().count, ledger.to - ledger.from);
    const bool one_span = ledger.from / ledger_span == (ledger.to - 1) / ledger_span;
    EXPECT_TRUE(one_span || ledger.to == store->watermarks().purged);
    all.to = ledger.to;
    for (size_t i = 0; i < outcome_count; ++i) all.by_outcome[i] += ledger.by_outcome[i];
  }
  EXPECT_EQ(all.to, store->watermarks().visible);
  const Recount recount = checked(store->recount());
  EXPECT_EQ(recount.locations_and_commands, all.of(Outcome::stored));
  EXPECT_EQ(recount.quarantined, all.of(Outcome::quarantined));
  return all;
}

std::string everything_of(const Store& store) {
  std::string text;
  OrdersQuery all{.state = {}, .box = {}, .updated_since = {}, .limit = 7, .cursor = {}};
  do {
    const OrdersPage page = checked(store.orders(all));
    for (const OrderView& view : page.orders) {
      write_order(text, view);
      TrackQuery track{.order = view.order.id, .deliverer = {}, .from = {}, .to = {}, .limit = 13, .cursor = {}};
      do {
        const TrackPage part = checked(store.track(track));
        for (const Kept& kept : part.locations) write_kept(text, kept);
        track.cursor = part.next_cursor;
      } while (!track.cursor.empty());
    }
    all.cursor = page.next_cursor;
  } while (!all.cursor.empty());
  for (int i = 0; i < 8; ++i) {
    const auto view = checked(store.deliverer(DelivererId("d" + std::to_string(i))));
    if (!view) continue;
    text += "deliverer " + view->id.text + " " + std::to_string(to_us(view->updated_at));
    for (const OrderId& id : view->orders) text += " " + id.text;
    text += "\n";
    if (view->last) write_kept(text, *view->last);
    for (const Kept& kept :
         checked(store.track({.order = {}, .deliverer = view->id, .from = {}, .to = {}, .limit = 10'000, .cursor = {}}))
             .locations)
      write_kept(text, kept);
  }
  for (int i = 0; i < 20; ++i)
    for (const Found& found : checked(store.find("c" + std::to_string(i))))
      text += "client c" + std::to_string(i) + " " + found.scope + " " + std::to_string(found.offset) + "\n";
  for (const QuarantineRow& row : checked(store.quarantined(0, 100'000)).rows)
    text += "quarantined " + std::to_string(row.offset) + " " + row.what.source + " " + row.what.reason + " " +
            row.what.raw + "\n";
  for (const Access& access : checked(store.accesses({})).accesses)
    text += "access " + std::string(to_string(access.given.kind)) + " " + access.given.id + " " + access.given.subject +
            (access.revoked_at ? " revoked" : "") + "\n";
  for (const HookRow& row : checked(store.hooks()))
    text +=
        "hook " + row.hook.id + " " + std::to_string(row.since) + " " + std::to_string(row.hook.events.bits()) + "\n";
  for (const OutboxRow& row : checked(store.outbox({}, 1'000'000)))
    text += "event " + std::to_string(row.place.offset) + "." + std::to_string(row.place.number) + " " +
            std::string(to_string(row.event.kind)) + (row.event.order ? " " + row.event.order->text : "") + "\n";
  for (const Ledger& ledger : checked(store.ledgers()))
    for (const Sum& sum : ledger.by_outcome)
      text += "ledger " + std::to_string(ledger.to) + " " + std::to_string(sum.count) + " " + to_hex(sum.ids) + "\n";
  const Recount recount = checked(store.recount());
  text += "rows " + std::to_string(recount.locations_and_commands.count) + " " +
          to_hex(recount.locations_and_commands.ids) + "\n";
  return text;
}

TEST_P(StoreContract, knows_nothing_at_first) {
  EXPECT_EQ(order("A"), std::nullopt);
  EXPECT_FALSE(checked(store->deliverer(DelivererId("d1"))).has_value());
  EXPECT_EQ(order_track("A"), Seconds{});
  EXPECT_EQ(store->watermarks().epoch, 0u);
  EXPECT_EQ(books().to, 0u);
}

TEST_P(StoreContract, keeps_the_newest_position_when_events_arrive_late) {
  put({seen("A", "d1", 100, on_the_way)});
  put({seen("A", "d1", 50, start), seen("A", "d1", 70)});
  EXPECT_EQ(last("A"), 100);
  EXPECT_EQ(order_track("A"), (Seconds{50, 70, 100}));
  EXPECT_EQ(order("A")->order.state(), OrderState::on_the_way);
  EXPECT_EQ(seconds_of(checked(store->deliverer(DelivererId("d1")))->last->location.fix_time), 100);
}

TEST_P(StoreContract, a_newest_first_upload_gives_the_same_track_as_in_order) {
  put({assign("A", 0, "d1"), assign("B", 0, "d2")});
  std::vector<wire::Record> backwards;
  Seconds forwards;
  for (int i = 0; i < 300; ++i) {
    put({seen({}, "d1", i * 60)});
    put({seen("B", "d2", i * 60)});
    forwards.push_back(i * 60);
  }
  put({assign("C", 0, "d3")});
  for (int i = 299; i >= 0; --i) backwards.push_back(i % 3 == 0 ? seen("C", "d3", i * 60) : seen({}, "d3", i * 60));
  put(backwards);
  EXPECT_EQ(order_track("A", 7), forwards);
  EXPECT_EQ(order_track("B", 100), forwards);
  EXPECT_EQ(order_track("C", 11), forwards);
  EXPECT_EQ(deliverer_track("d3", 13), forwards);
  EXPECT_EQ(last("C"), 299 * 60);
}

TEST_P(StoreContract, a_repeat_counts_once) {
  put({seen("A", "d1", 1), seen("A", "d1", 1)});
  put({seen("A", "d1", 2), seen("A", "d1", 1)});
  Location later = seen("A", "d1", 2);
  later.received_at = at(5000);  // when it came is not part of what it is
  put({later});
  EXPECT_EQ(order_track("A"), (Seconds{1, 2}));
  EXPECT_EQ(books().of(Outcome::stored).count, 2u);
  EXPECT_EQ(books().of(Outcome::repeat).count, 3u);
  EXPECT_EQ(
      checked(store->track({.order = OrderId("A"), .deliverer = {}, .from = {}, .to = {}, .limit = 1, .cursor = {}}))
          .locations[0]
          .offset,
      0u);
}

TEST_P(StoreContract, the_same_client_id_under_another_deliverer_is_another_location) {
  Location one = seen("A", "d1", 1), same = seen("A", "d1", 900), other = seen("A", "d2", 1), nobody = seen("A", {}, 1);
  for (Location* location : {&one, &same, &other, &nobody}) location->client_id = "c1";
  put({one, other});
  put({same, nobody});
  EXPECT_EQ(order_track("A"), (Seconds{1, 1, 1}));
  EXPECT_EQ(books().of(Outcome::repeat).count, 1u);
  const auto found = checked(store->find("c1"));
  EXPECT_EQ(found.size(), 3u);
  for (const Found& expected : {Found{"dd1", 0}, Found{"dd2", 1}, Found{"oA", 3}})
    EXPECT_NE(std::ranges::find(found, expected), found.end()) << expected.scope;
  EXPECT_TRUE(checked(store->find("c2")).empty());
}

TEST_P(StoreContract, a_second_command_with_the_same_client_id_does_nothing) {
  OrderCommand first = assign("A", 0, "d1"), second = assign("A", 10, "d2");
  first.client_id = second.client_id = "c1";
  put({first, second});
  EXPECT_EQ(order("A")->order.deliverer, DelivererId("d1"));
  EXPECT_EQ(books().of(Outcome::repeat).count, 1u);
  EXPECT_EQ(checked(store->find("c1")), (std::vector<Found>{{"oA", 0}}));
}

TEST_P(StoreContract, an_order_comes_into_being_by_its_first_location) {
  Location first = seen("17", "d1", 5, start);
  first.order->integer = true;
  put({first});
  ASSERT_TRUE(order("17"));
  EXPECT_TRUE(order("17")->order.id.integer);
  EXPECT_EQ(order("17")->order.deliverer, DelivererId("d1"));
  EXPECT_FALSE(order("17")->order.assigned);
  EXPECT_EQ(order("17")->order.state(), OrderState::start);
}

TEST_P(StoreContract, states_follow_the_fixes_and_arrived_is_not_closed) {
  put({seen("A", "d1", 30, arrived), seen("A", "d1", 10, start), seen("A", "d1", 20, on_the_way)});
  EXPECT_EQ(order("A")->order.state(), OrderState::arrived);
  put({told(Kind::close, "A", 40)});
  EXPECT_EQ(order("A")->order.state(), OrderState::closed);
  put({seen("A", "d1", 35, start)});
  EXPECT_EQ(order("A")->order.state(), OrderState::closed);
  put({seen("A", "d1", 50, start)});
  EXPECT_EQ(order("A")->order.state(), OrderState::start);
}

TEST_P(StoreContract, locations_after_the_close_are_kept) {
  put({assign("A", 0, "d1"), seen({}, "d1", 10), told(Kind::close, "A", 20)});
  put({seen({}, "d1", 30), seen("A", "d1", 40)});
  EXPECT_EQ(order_track("A"), (Seconds{10, 40}));
  EXPECT_EQ(deliverer_track("d1"), (Seconds{10, 30, 40}));
  EXPECT_EQ(last("A"), 40);
}

TEST_P(StoreContract, a_fix_ahead_of_our_clock_is_in_the_track_and_never_last) {
  Location ahead = seen("A", "d1", 5000, arrived);
  ahead.received_at = at(10);
  Location loose = seen({}, "d1", 6000);
  loose.received_at = at(10);
  put({assign("A", 0, "d1"), seen("A", "d1", 9), ahead, loose});
  EXPECT_EQ(order_track("A"), (Seconds{9, 5000, 6000}));
  EXPECT_EQ(last("A"), 9);
  EXPECT_EQ(order("A")->order.state(), OrderState::open);
  EXPECT_EQ(seconds_of(checked(store->deliverer(DelivererId("d1")))->last->location.fix_time), 9);
  put({ahead, seen({}, "d1", 20)});
  EXPECT_EQ(last("A"), 20);
  EXPECT_EQ(books().of(Outcome::repeat).count, 1u);
}

TEST_P(StoreContract, locations_at_the_same_fix_are_ordered_by_state_and_all_kept) {
  Location elsewhere = seen("A", "d1", 10, on_the_way);
  elsewhere.longitude = 14;
  put({seen("A", "d1", 10, arrived), seen("A", "d1", 10, start), elsewhere, seen("A", "d2", 10, on_the_way)});
  EXPECT_EQ(order_track("A", 1), (Seconds{10, 10, 10, 10}));
  EXPECT_EQ(last("A"), 10);
  EXPECT_EQ(order("A")->last->location.state, arrived);
}

}  // namespace waybill::store
