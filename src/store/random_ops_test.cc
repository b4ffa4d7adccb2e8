// Random operations by seed: memory, RocksDB, documents that are in trouble and a model that only knows the definitions give the same answers.
#include <algorithm>
#include <map>
#include <set>

#include "store/document_grounds.h"
#include "store/memory.h"
#include "store/random_records.h"
#include "store/rocks/grounds.h"

namespace waybill::store {
namespace {

constexpr Position journal{.epoch = 1, .partition = 0, .offset = 0};

// Keeps everything in lists and answers by the words of store.h.
class Model {
 public:
  void take(const Entry& entry) {
    if (!entry.record) return;
    const EventId id = wire::event_id_of(*entry.record);
    if (const auto* location = std::get_if<Location>(&*entry.record)) {
      if (!ids_.emplace(id, entry.offset).second) return;
      locations_.push_back({id, {.offset = entry.offset, .location = *location}});
      if (location->order) apply(orders_[location->order->text], *location);
    } else if (const auto* command = std::get_if<OrderCommand>(&*entry.record)) {
      if (!command->client_id.empty() && ids_.contains(id)) return;
      const auto known = orders_.find(command->order.text);
      auto applied = apply(known == orders_.end() ? Order{} : known->second, *command);
      if (!applied) return;
      ids_.emplace(id, entry.offset);
      if (!applied->id.text.empty()) orders_[command->order.text] = *applied;  // silence makes no order
    }
  }

  // `newest`: when the newest of what goes was received.
  void let_go(uint64_t below, Time newest) {
    std::erase_if(ids_, [&](const auto& id) { return id.second < below; });
    std::erase_if(locations_, [&](const auto& location) { return location.second.offset < below; });
    std::erase_if(orders_, [&](const auto& known) {
      const Order& order = known.second;
      const bool ended = order.state() == OrderState::arrived || order.state() == OrderState::closed ||
                         order.state() == OrderState::cancelled;
      const bool told = order.assigned || order.destination || order.promised_at || order.sequence;
      const auto news = [](Time time) { return std::chrono::floor<std::chrono::minutes>(time); };
      return news(order.updated_at) < news(newest) && (ended || !told) && track(order).empty();
    });
  }

  std::vector<Kept> track(const Order& order) const {
    return sorted([&](const Location& location) {
      if (location.order) return location.order == order.id;
      return std::ranges::any_of(order.assignments, [&](const Assignment& assignment) {
        return assignment.deliverer == *location.deliverer && assignment.covers(location.fix_time);
      });
    });
  }
  std::vector<Kept> track(const DelivererId& id) const {
    return sorted([&](const Location& location) { return location.deliverer == id; });
  }
  const std::map<std::string, Order>& orders() const { return orders_; }

 private:
  std::vector<Kept> sorted(const auto& belongs) const {
    std::vector<std::pair<EventId, Kept>> found;
    for (const auto& [id, kept] : locations_)
      if (belongs(kept.location)) found.emplace_back(id, kept);
    std::ranges::sort(found, {}, [](const auto& each) {
      return std::tuple(each.second.location.fix_time, each.second.location.state, each.first);
    });
    std::vector<Kept> track;
    for (auto& [id, kept] : found) track.push_back(std::move(kept));
    return track;
  }

  std::map<EventId, uint64_t> ids_;  // and the position of the first
  std::vector<std::pair<EventId, Kept>> locations_;
  std::map<std::string, Order> orders_;
};

std::optional<Kept> last_in(const std::vector<Kept>& track) {
  for (auto kept = track.rbegin(); kept != track.rend(); ++kept)
    if (!is_ahead(kept->location)) return *kept;
  return std::nullopt;
}

std::vector<Kept> whole_track(const Store& store, TrackQuery query) {
  std::vector<Kept> all;
  do {
    TrackPage page = checked(store.track(query));
    std::ranges::move(page.locations, std::back_inserter(all));
    query.cursor = page.next_cursor;
  } while (!query.cursor.empty());
  return all;
}

void expect_as_defined(const Store& store, const Model& model, size_t limit) {
  size_t count = 0;
  for (const auto& [id, order] : model.orders()) {
    const auto view = checked(store.order(OrderId(id)));
    ASSERT_TRUE(view) << id;
    Order known = view->order;
    if (!known.assigned) known.deliverer = order.deliverer;  // who named it last, which the rules leave to the store
    // Whether its deliverer was heard of: store_contract_events_test.cc.
    known.silent_since = order.silent_since;
    known.silence_reason = order.silence_reason;
    EXPECT_EQ(known, order) << id;
    const std::vector<Kept> track = model.track(order);
    EXPECT_EQ(
        whole_track(store, {.order = OrderId(id), .deliverer = {}, .from = {}, .to = {}, .limit = limit, .cursor = {}}),
        track)
        << id;
    EXPECT_EQ(view->last, last_in(track)) << id;
    ++count;
  }
  EXPECT_EQ(
      checked(store.orders({.state = {}, .box = {}, .updated_since = {}, .limit = 1000, .cursor = {}})).orders.size(),
      count);
  for (int i = 0; i < 5; ++i) {
    const DelivererId id("d" + std::to_string(i));
    const std::vector<Kept> track = model.track(id);
    EXPECT_EQ(whole_track(store, {.order = {}, .deliverer = id, .from = {}, .to = {}, .limit = limit, .cursor = {}}),
              track);
    const auto view = checked(store.deliverer(id));
    EXPECT_EQ(view ? view->last : std::nullopt, last_in(track));
    std::vector<OrderId> assigned;
    for (const auto& [name, order] : model.orders())
      if (!order.assignments.empty() && !order.assignments.back().to && order.assignments.back().deliverer == id &&
          order.state() != OrderState::closed && order.state() != OrderState::cancelled)
        assigned.push_back(order.id);
    EXPECT_EQ(view ? view->orders : std::vector<OrderId>(), assigned);
  }
}

// Again where it answers that it should be asked again.
template <class Do>
auto insist(const Do& what) {
  constexpr int tries_max = 1000;
  auto done = what();
  for (int tries = 1; !done && done.error().code == Code::unavailable && tries < tries_max; ++tries) done = what();
  EXPECT_TRUE(done) << done.error().message;
  return done;
}

void replay(Store& store, const std::vector<Entry>& log, Random& random) {
  for (uint64_t from = store.watermarks().visible; from < log.size();) {
    const uint64_t count = std::min<uint64_t>(1 + random.below(200), log.size() - from);
    ASSERT_TRUE(insist([&] { return store.put(journal, std::span(log).subspan(from, count)); }));
    from += count;
  }
}

// What stands on documents: a database in memory whose every fiftieth call fails, does half or comes late, or a real server.
struct OnDocuments {
  std::unique_ptr<Ground> ground;
  std::function<void(double)> trouble = [](double) {};  // the share of calls from now on
};

class Stores {
 public:
  explicit Stores(OnDocuments documents) : documents_(std::move(documents)) { open(); }

  const std::array<Store*, 3> all() const { return {memory_.get(), rocks_.get(), on_documents_.get()}; }

  // The third keeps what was not flushed.
  void crash(const std::vector<Entry>& log, Random& random) {
    memory_.reset();
    disk_.crash();
    rocks_ground_.crash(std::move(rocks_));
    documents_.ground->crash(std::move(on_documents_));
    open();
    EXPECT_EQ(memory_->watermarks().durable, rocks_->watermarks().durable);
    EXPECT_GE(on_documents_->watermarks().durable, rocks_->watermarks().durable);
    for (Store* store : all()) replay(*store, log, random);
  }

  void expect_as_defined_by(const Model& model, size_t limit) {
    documents_.trouble(0);
    EXPECT_EQ(everything_of(*memory_), everything_of(*rocks_));
    EXPECT_EQ(everything_of(*memory_), everything_of(*on_documents_));
    expect_as_defined(*rocks_, model, limit);
    documents_.trouble(share);
  }

  // The first ledger is filled up with one location again and again, and let go of.
  void let_go(Model& model, std::vector<Entry>& log) {
    Time newest{};
    for (const Entry& entry : log)
      if (entry.record) newest = std::max(newest, wire::received_at_of(*entry.record));
    const uint64_t before = log.size();
    while (log.size() < ledger_span)
      log.push_back({.offset = log.size(), .record = seen({}, "filler", 0), .undecoded = {}});
    for (uint64_t at = before; at < log.size(); ++at) model.take(log[at]);
    documents_.trouble(
        share / 10);  // looking for what has gone quiet is hundreds of calls that have to succeed one after the other
    for (Store* store : all()) {
      ASSERT_TRUE(insist([&] { return store->put(journal, std::span(log).subspan(before)); }));
      ASSERT_TRUE(insist([&] { return store->flush(); }));
      while (insist([&] { return store->purge(ledger_span); }).value_or(false)) {
      }
      ASSERT_TRUE(insist([&] { return store->flush(); }));
    }
    documents_.trouble(share);
    model.let_go(ledger_span, newest);
  }

 private:
  static constexpr double share = 0.02;

  void open() {
    memory_ = checked(open_memory_store(disk_));
    rocks_ = checked(rocks_ground_.open());
    on_documents_ = insist([&] { return documents_.ground->open(); }).value_or(nullptr);
    ASSERT_TRUE(on_documents_);
  }

  MemoryDisk disk_;
  SimulatedGround rocks_ground_;
  OnDocuments documents_;
  std::unique_ptr<Store> memory_, rocks_, on_documents_;
};

void run(uint64_t seed, OnDocuments documents, int steps) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  Stores stores(std::move(documents));
  Model model;
  std::vector<Entry> log;
  for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
    const uint64_t what = random.below(20);
    if (step == 30) {
      stores.let_go(model, log);
      stores.expect_as_defined_by(model, 1 + random.below(50));
    } else if (what < 13) {
      const uint64_t before = log.size();
      for (uint64_t left = 1 + random.below(40); left > 0; --left) log.push_back(random_entry(random, log.size()));
      for (uint64_t at = before; at < log.size(); ++at) model.take(log[at]);
      // Now and then what is known already comes again.
      const uint64_t from = before - random.below(std::min<uint64_t>(before, 10) + 1);
      for (Store* store : stores.all())
        ASSERT_TRUE(insist([&] { return store->put(journal, std::span(log).subspan(from)); }));
    } else if (what < 16) {
      for (Store* store : stores.all()) ASSERT_TRUE(insist([&] { return store->flush(); }));
    } else if (what < 18) {
      stores.crash(log, random);
    } else {
      stores.expect_as_defined_by(model, 1 + random.below(50));
    }
  }
  stores.expect_as_defined_by(model, 1000);
}

OnDocuments simulated(uint64_t seed) {
  auto ground = std::make_unique<DocumentsGround>();
  return {.ground = std::make_unique<DocumentsGround>(*ground),
          .trouble = [documents = ground->documents, seed](double share) mutable {
            documents.trouble_by_chance(share, seed++);
          }};
}

TEST(RandomOperations, give_the_same_answers_in_memory_on_rocks_on_documents_and_by_definition) {
  const uint64_t first = random_seed() % 1'000'000;
  for (uint64_t seed = first; seed < first + 6 && !HasFailure(); ++seed) run(seed, simulated(seed), 60);
}

class LiveMongoRandom : public testing::TestWithParam<int> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveMongoRandom);

TEST_P(LiveMongoRandom, operations_give_the_same_answers_as_the_others) {
  const uint64_t seed = random_seed() % 1'000'000;
  run(seed, {.ground = std::make_unique<LiveMongoGround>()}, 25);
}
INSTANTIATE_TEST_SUITE_P(Server, LiveMongoRandom, testing::Range(0, there_is_a_mongo() ? 1 : 0));

}  // namespace
}  // namespace waybill::store
