// RocksDB over files that fail and forget: whatever happens, after opening again and putting again the books are equal. What was
// not synced they forget in order: RocksDB does not open a MANIFEST whose last record has a hole, as a power cut during its
// write leaves one where files grow before what they grow by is on the disk.
#include "store/memory.h"
#include "store/random_records.h"
#include "store/rocks/grounds.h"

namespace waybill::store {
namespace {

constexpr Position journal{.epoch = 1, .partition = 0, .offset = 0};
constexpr uint64_t batch = 30;
constexpr int tries_max = 5;

std::vector<Entry> entries_by(uint64_t seed, uint64_t count) {
  Random random(seed);
  std::vector<Entry> log;
  while (log.size() < count) log.push_back(random_entry(random, log.size()));
  return log;
}

// From the watermark to the end, a flush after each batch; the first error ends it. `durable`: what was promised.
Result<void> carry(Store& store, const std::vector<Entry>& log, uint64_t& durable) {
  for (uint64_t from = store.watermarks().visible; from < log.size(); from += batch) {
    TRY(store.put(journal, std::span(log).subspan(from, std::min<uint64_t>(batch, log.size() - from))));
    TRY(store.flush());
    durable = store.watermarks().durable;
  }
  TRY(store.flush());
  durable = store.watermarks().durable;
  return {};
}

std::string expected_of(const std::vector<Entry>& log) {
  const auto store = checked(open_memory_store());
  EXPECT_TRUE(store->put(journal, log));
  return everything_of(*store);
}

enum class Then { power_cut, go_on };

bool must_open_anew(const Error& error) {
  return error.code == Code::corrupt && error.message.find("opened anew") != std::string::npos;
}

// Whether the fault was met.
bool run(const std::vector<Entry>& log, const std::string& expected, uint64_t n, Code code, Failing failing,
         Then then) {
  SCOPED_TRACE("operation " + std::to_string(n) + " fails with " + std::string(to_string(code)));
  const auto files = simulated_disk(n);
  files->fail_at(n, code, failing);
  uint64_t durable = 0;
  auto opened = open_rocks_store(small("/data/store"), *files);
  if (opened) {
    const auto carried = carry(**opened, log, durable);
    if (!carried) {
      // A disk that was full for one write only may be seen as not full when the error arrives.
      EXPECT_TRUE(carried.error().code == code || carried.error().code == Code::corrupt ||
                  (failing == Failing::once && carried.error().code == Code::unavailable))
          << carried.error().message;
      if (then == Then::go_on) {
        files->fail_no_more();
        // What failed in the background is told by a later call; each call after that goes on.
        auto again = carry(**opened, log, durable);
        for (int tries = 1; !again && again.error().code != Code::corrupt && tries < tries_max; ++tries)
          again = carry(**opened, log, durable);
        // Where it cannot go on it says so, and the process starts again: that is what follows below.
        EXPECT_TRUE(again || must_open_anew(again.error())) << again.error().message;
        if (again) {
          EXPECT_EQ(everything_of(**opened), expected);
        }
      }
    }
    files->stop();
    opened->reset();
  }
  const bool met = files->has_failed();
  files->crash(n, Unsynced::in_order);
  auto store = open_rocks_store(small("/data/store"), *files);
  EXPECT_TRUE(store) << store.error().message;
  if (!store) return met;
  EXPECT_GE((*store)->watermarks().durable, durable);
  const auto carried = carry(**store, log, durable);
  EXPECT_TRUE(carried) << carried.error().message;
  EXPECT_EQ(everything_of(**store), expected);
  return met;
}

TEST(RocksFaults, the_nth_operation_on_the_disk_fails_and_the_books_are_equal) {
  const auto log = entries_by(1, 300);
  const std::string expected = expected_of(log);
  // The first ones, then every 13th: the whole sweep is for hours.
  uint64_t n = 1, runs = 0;
  // A full disk is full until there is space again; any other failure may come once.
  for (; run(log, expected, n, n % 2 ? Code::unavailable : Code::overloaded,
             n % 2 && n % 3 ? Failing::once : Failing::from_then_on, n % 5 ? Then::go_on : Then::power_cut) &&
         !HasFailure();
       n += n < 4 ? 1 : 13)
    ++runs;
  EXPECT_GT(runs, 10u);
  RecordProperty("operations", static_cast<int>(n));
}

std::vector<Entry> filled_up(std::vector<Entry> log) {
  while (log.size() < ledger_span)
    log.push_back({.offset = log.size(), .record = seen({}, "filler", 0), .undecoded = {}});
  for (const Entry& more : entries_by(4, 100))
    log.push_back({.offset = log.size(), .record = more.record, .undecoded = more.undecoded});
  return log;
}

Result<void> let_all_go(Store& store) {
  while (true) {
    TRY_LET(const bool more, store.purge(ledger_span));
    if (!more) return store.flush();
  }
}

void expect_balance(const Store& store) {
  Sum stored, quarantined;
  for (const Ledger& ledger : checked(store.ledgers())) {
    stored += ledger.of(Outcome::stored);
    quarantined += ledger.of(Outcome::quarantined);
  }
  const Recount rows = checked(store.recount());
  EXPECT_EQ(rows.locations_and_commands, stored);
  EXPECT_EQ(rows.quarantined, quarantined);
}

TEST(RocksFaults, the_nth_operation_fails_while_it_lets_go_and_the_books_balance_before_and_after) {
  const auto log = filled_up(entries_by(3, 200));
  const auto memory = checked(open_memory_store());
  ASSERT_TRUE(memory->put(journal, log));
  ASSERT_TRUE(memory->flush());
  ASSERT_TRUE(let_all_go(*memory));
  const std::string expected = everything_of(*memory);
  bool met = true;
  for (uint64_t n = 1; met && !HasFailure(); n += n < 3 ? 1 : 9) {
    SCOPED_TRACE("operation " + std::to_string(n));
    const auto files = simulated_disk(n);
    auto store = checked(open_rocks_store(small("/data/store"), *files));
    ASSERT_TRUE(store->put(journal, log));
    ASSERT_TRUE(store->flush());
    files->fail_at(n, n % 2 ? Code::unavailable : Code::overloaded,
                   n % 2 && n % 3 ? Failing::once : Failing::from_then_on);
    const auto done = let_all_go(*store);
    met = files->has_failed();
    expect_balance(*store);
    if (!done && n % 5 != 0) {
      files->fail_no_more();
      auto again = let_all_go(*store);
      for (int tries = 1; !again && again.error().code != Code::corrupt && tries < tries_max; ++tries)
        again = let_all_go(*store);
      EXPECT_TRUE(again || must_open_anew(again.error())) << again.error().message;
      if (again) {
        EXPECT_EQ(everything_of(*store), expected);
      }
    }
    files->stop();
    store.reset();
    files->crash(n, Unsynced::in_order);
    store = checked(open_rocks_store(small("/data/store"), *files));
    ASSERT_TRUE(store);
    expect_balance(*store);
    ASSERT_TRUE(let_all_go(*store));
    EXPECT_EQ(everything_of(*store), expected);
  }
}

TEST(RocksFaults, a_power_cut_at_any_moment_loses_nothing_that_was_flushed) {
  const auto log = entries_by(2, 300);
  const std::string expected = expected_of(log);
  const uint64_t first = random_seed() % 1'000'000;
  for (uint64_t seed = first; seed < first + 8 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const auto files = simulated_disk(seed);
    uint64_t durable = 0;
    for (int cuts = 0; cuts < 4; ++cuts) {
      auto store = open_rocks_store(small("/data/store"), *files);
      ASSERT_TRUE(store) << store.error().message;
      EXPECT_GE((*store)->watermarks().visible, durable);
      const uint64_t steps = random.below(5);
      for (uint64_t i = 0; i < steps; ++i) {
        const uint64_t from = (*store)->watermarks().visible;
        const uint64_t count = std::min<uint64_t>(1 + random.below(40), log.size() - from);
        ASSERT_TRUE((*store)->put(journal, std::span(log).subspan(from, count)));
        if (random.chance(0.5)) {
          ASSERT_TRUE((*store)->flush());
        }
        durable = std::max(durable, (*store)->watermarks().durable);
      }
      files->stop();
      store->reset();
      files->crash(random.next(), Unsynced::in_order);
    }
    const auto store = checked(open_rocks_store(small("/data/store"), *files));
    ASSERT_TRUE(carry(*store, log, durable));
    EXPECT_EQ(everything_of(*store), expected);
  }
}

}  // namespace
}  // namespace waybill::store
