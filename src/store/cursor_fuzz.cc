// Any text as a page's cursor, and any place behind a cursor's check: a page or a refusal, and whoever follows the cursors
// comes to an end. The first byte names the question.
#include <cstdint>

#include "base/check.h"
#include "base/random.h"
#include "store/memory.h"
#include "store/reading.h"

namespace {

using namespace waybill;
using namespace waybill::store;

constexpr int pages_max = 1000;

// Locations and commands of few names and moments, so that they meet each other.
wire::Record some_record(Random& random) {
  const auto name = [&](const char* kind) { return kind + std::to_string(random.below(5)); };
  const auto some_time = [&] {
    return at_us((1'705'309'200 + static_cast<int64_t>(random.below(36'000))) * 1'000'000);
  };
  if (random.chance(0.3)) {
    OrderCommand command;
    command.order = OrderId(name("o"));
    command.deliverer = DelivererId(name("d"));
    command.at = command.received_at = some_time();
    return command;
  }
  Location location;
  if (random.chance(0.5)) location.order = OrderId(name("o"));
  location.deliverer = DelivererId(name("d"));
  location.fix_time = location.received_at = some_time();
  location.latitude = static_cast<double>(random.below(90));
  return location;
}

std::unique_ptr<Store> filled() {
  auto store = std::move(*open_memory_store());
  Random random(1);
  std::vector<Entry> entries;
  for (uint64_t offset = 0; offset < 300; ++offset)
    entries.push_back({.offset = offset, .record = some_record(random), .undecoded = {}});
  CHECK(store->put({.epoch = 1, .partition = 0, .offset = 0}, entries), "a store takes its entries");
  return store;
}

template <class Query, class Ask>
void follow(Query query, Ask ask) {
  for (int pages = 0; pages < pages_max; ++pages) {
    const auto page = ask(query);
    if (!page) {
      CHECK(page.error().code == Code::invalid, "a cursor is refused as such");
      return;
    }
    if (page->next_cursor.empty()) return;
    query.cursor = page->next_cursor;
  }
  CHECK(false, "pages come to an end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<Store> store = filled();
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool forged = (data[0] & 1) != 0;
  const auto cursor = [&](std::string_view question) {
    if (!forged) return text;
    const std::string made = make_cursor(question, text);
    const auto taken = take_cursor(question, made);
    CHECK(taken && *taken == text, "a cursor gives back its place");
    CHECK(!take_cursor(std::string(question) + "x", made), "and answers one question only");
    return made;
  };
  const auto orders = [](const OrdersQuery& query) { return store->orders(query); };
  const auto track = [](const TrackQuery& query) { return store->track(query); };
  switch (data[0] >> 1 & 3) {
    case 0: follow(OrdersQuery{.limit = 3, .cursor = cursor("orders")}, orders); break;
    case 1: {
      const int64_t minute = 28'421'820;
      OrdersQuery query{.limit = 3, .cursor = cursor("updated " + std::to_string(minute))};
      query.updated_since = at_us(minute * 60'000'000);
      follow(query, orders);
      break;
    }
    case 2: follow(TrackQuery{.order = OrderId("o1"), .limit = 3, .cursor = cursor("oo1")}, track); break;
    default: follow(TrackQuery{.deliverer = DelivererId("d1"), .limit = 3, .cursor = cursor("dd1")}, track); break;
  }
  return 0;
}
