// The write path from the door to the store, over a disk that loses, tears and fails: each run ends with the books.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "base/simulated_files.h"
#include "ingest/accept.h"
#include "ingest/books.h"
#include "ingest/keep.h"
#include "ingest/subscribe.h"
#include "store/rocks/rocks.h"

namespace waybill::ingest {
namespace {

const Time noon = at_us(1'705'320'000'000'000);
const std::string folder = "data";

Location location_number(uint64_t number) {
  Location location;
  location.deliverer = DelivererId("d" + std::to_string(number % 7));
  location.order = OrderId("o" + std::to_string(number % 11));
  location.fix_time = noon + std::chrono::seconds(number);
  location.received_at = location.fix_time;
  location.latitude = 41;
  location.longitude = -8 - static_cast<double>(number) * 1e-6;
  return location;
}

// All that one process holds while it runs.
class Process {
 public:
  static constexpr uint64_t segment_bytes = 4096;

  Process(SimulatedFiles& files, Clock& clock, std::chrono::days keep = {})
      : files_(files), clock_(clock), keep_(keep) {}

  Result<void> start() {
    TRY(make_folder_durably(files_, folder));
    TRY_LET(journal_, journal::open_journal({.folder = folder + "/journal", .segment_bytes = segment_bytes}, files_,
                                            clock_, *metrics_));
    TRY_LET(store_, store::open_rocks_store({.folder = folder + "/store"}, files_));
    TRY(check_agreement(*journal_, *store_));
    acceptor_.emplace(*journal_, *metrics_);
    subscriber_.emplace(*journal_, *store_, progress_, health_, clock_, *metrics_);
    keeper_.emplace(*journal_, *store_, files_, health_, clock_, *metrics_,
                    KeepOptions{.trimmed_path = folder + "/trimmed",
                                .journal_keep_bytes = keep_.count() == 0 ? 0 : UINT64_MAX,
                                .keep = keep_,
                                .store_folder = folder + "/store"});
    return {};
  }

  // Accepted and durable, or not acknowledged.
  Result<void> acknowledge(uint64_t number) {
    const wire::Record record = location_number(number);
    TRY(acceptor_->accept({&record, 1}));
    return journal_->commit();
  }

  Result<void> put_all() {
    while (true) {
      TRY_LET(const size_t put, subscriber_->step());
      if (put == 0) return {};
    }
  }

  Result<Balance> books(Depth depth = Depth::rows) {
    TRY_LET(const auto reader, journal::open_journal_reader(folder + "/journal", files_));
    TRY_LET(const Trimmed trimmed, read_trimmed(files_, folder + "/trimmed"));
    return balance(*reader, *store_, trimmed, depth);
  }

  Result<std::set<Time>> kept() {
    std::set<Time> times;
    for (int deliverer = 0; deliverer < 7; ++deliverer) {
      store::TrackQuery query{.order = {},
                              .deliverer = DelivererId("d" + std::to_string(deliverer)),
                              .from = {},
                              .to = {},
                              .limit = store::track_limit_max,
                              .cursor = {}};
      do {
        TRY_LET(const store::TrackPage page, store_->track(query));
        for (const store::Kept& kept : page.locations) times.insert(kept.location.fix_time);
        query.cursor = page.next_cursor;
      } while (!query.cursor.empty());
    }
    return times;
  }

  journal::Journal& journal() { return *journal_; }
  store::Store& store() { return *store_; }
  Keeper& keeper() { return *keeper_; }

 private:
  SimulatedFiles& files_;
  Clock& clock_;
  std::chrono::days keep_;
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  Health health_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  Progress progress_;
  std::optional<Acceptor> acceptor_;
  std::optional<Subscriber> subscriber_;
  std::optional<Keeper> keeper_;
};

#define ASSERT_DONE(...)                       \
  do {                                         \
    const auto done = (__VA_ARGS__);           \
    ASSERT_TRUE(done) << done.error().message; \
  } while (false)

TEST(WritePath, keeps_every_acknowledged_location_over_a_power_loss_anywhere) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto files = make_simulated_files(seed);
    ManualClock clock(noon);
    Random random(seed);
    std::set<Time> acknowledged;
    uint64_t sent = 0;
    for (uint64_t life = 0; life < 3; ++life) {
      files->crash(seed * 10 + life);
      Process process(*files, clock);
      ASSERT_DONE(process.start());
      const uint64_t steps = random.below(150);
      for (uint64_t step = 0; step < steps; ++step) {
        ASSERT_DONE(process.acknowledge(sent));
        acknowledged.insert(location_number(sent++).fix_time);
        if (random.chance(0.2)) ASSERT_DONE(process.put_all());
        if (random.chance(0.05)) ASSERT_DONE(process.keeper().flush());
      }
      files->stop();  // so that the process is destroyed without touching the disk; then the power is gone
    }
    files->crash(seed);
    Process process(*files, clock);
    ASSERT_DONE(process.start());
    ASSERT_DONE(process.put_all());
    const auto books = process.books();
    ASSERT_TRUE(books) << books.error().message;
    EXPECT_TRUE(books->balances()) << (books->balances() ? "" : books->differences.front().what);
    const auto kept = process.kept();
    ASSERT_TRUE(kept);
    EXPECT_TRUE(std::includes(kept->begin(), kept->end(), acknowledged.begin(), acknowledged.end()));
    EXPECT_LE(kept->size(), sent);
  }
}

TEST(WritePath, refuses_a_journal_that_ends_below_what_the_store_has_durable) {
  const auto files = make_simulated_files();
  ManualClock clock(noon);
  {
    Process process(*files, clock);
    ASSERT_DONE(process.start());
    for (uint64_t number = 0; number < 10; ++number) ASSERT_DONE(process.acknowledge(number));
    ASSERT_DONE(process.put_all());
    ASSERT_DONE(process.keeper().flush());
  }
  const auto segments = files->list(folder + "/journal");
  ASSERT_TRUE(segments);
  for (const FileInfo& segment : *segments) ASSERT_DONE(files->remove(folder + "/journal/" + segment.name));
  Process process(*files, clock);
  const Result<void> started = process.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::corrupt);
}

TEST(WritePath, finds_a_location_that_the_store_lost) {
  const auto files = make_simulated_files();
  ManualClock clock(noon);
  Process process(*files, clock);
  ASSERT_DONE(process.start());
  for (uint64_t number = 0; number < 100; ++number) ASSERT_DONE(process.acknowledge(number));
  // Straight into the store, past the subscriber: one record is another than the journal's.
  std::vector<store::Entry> entries;
  for (uint64_t number = 0; number < 100; ++number)
    entries.push_back({.offset = number, .record = location_number(number == 50 ? 1050 : number), .undecoded = {}});
  ASSERT_DONE(process.store().put(process.journal().position(0), entries));
  const auto books = process.books(Depth::ledgers);
  ASSERT_TRUE(books);
  EXPECT_FALSE(books->balances());
}

TEST(WritePath, trims_only_what_is_durable_in_the_store_and_balances_afterwards) {
  const auto files = make_simulated_files();
  ManualClock clock(noon);
  Process process(*files, clock);
  ASSERT_DONE(process.start());
  constexpr uint64_t count = store::ledger_span + 1000;
  std::vector<wire::Record> records;
  auto metrics = make_metrics();
  Acceptor door(process.journal(), *metrics);
  for (uint64_t number = 0; number < count; ++number) {
    records.push_back(location_number(number));
    if (records.size() < 1000 && number + 1 < count) continue;
    ASSERT_DONE(door.accept(records));
    ASSERT_DONE(process.journal().commit());
    records.clear();
  }
  ASSERT_DONE(process.put_all());
  ASSERT_DONE(process.keeper().trim());
  EXPECT_EQ(process.journal().begin(), 0u) << "nothing is durable in the store yet";
  ASSERT_DONE(process.keeper().flush());
  ASSERT_DONE(process.keeper().trim());
  EXPECT_GT(process.journal().begin(), 0u);
  EXPECT_LE(process.journal().begin(), store::ledger_span);
  const auto books = process.books();
  ASSERT_TRUE(books) << books.error().message;
  EXPECT_TRUE(books->balances()) << (books->balances() ? "" : books->differences.front().what);
  EXPECT_EQ(books->trimmed_end, store::ledger_span);
}

// `count` records, one after another a second, through the journal into the store.
void fill(Process& process, uint64_t from, uint64_t count) {
  std::vector<wire::Record> records;
  auto metrics = make_metrics();
  Acceptor door(process.journal(), *metrics);
  for (uint64_t number = from; number < from + count; ++number) {
    records.push_back(location_number(number));
    if (records.size() < 1000 && number + 1 < from + count) continue;
    ASSERT_DONE(door.accept(records));
    ASSERT_DONE(process.journal().commit());
    records.clear();
  }
  ASSERT_DONE(process.put_all());
  ASSERT_DONE(process.keeper().flush());
}

TEST(WritePath, lets_go_of_what_is_older_than_asked_and_balances_wherever_it_is_stopped) {
  constexpr uint64_t never = 1'000'000;
  for (const uint64_t stopped_at : {uint64_t{1}, uint64_t{4}, uint64_t{12}, uint64_t{25}, never}) {
    SCOPED_TRACE("the disk fails at operation " + std::to_string(stopped_at));
    const auto files = make_simulated_files(stopped_at);
    ManualClock clock(noon);
    {
      Process process(*files, clock, std::chrono::days(2));
      ASSERT_DONE(process.start());
      fill(process, 0, store::ledger_span + 1000);
      clock.advance(std::chrono::seconds(store::ledger_span + 1000));
      for (int looks = 0; looks < 3; ++looks) ASSERT_DONE(process.keeper().let_go());
      EXPECT_EQ(process.store().watermarks().purged, 0u) << "two days are not over";
      clock.advance(std::chrono::days(2));
      // The journal first, which takes many steps: those of the store are what is stopped here.
      if (stopped_at != never) {
        ASSERT_DONE(process.keeper().trim(store::ledger_span));
      }
      files->fail_at(stopped_at, Code::unavailable, Failing::from_then_on);
      const auto let_go = process.keeper().let_go();
      EXPECT_TRUE(let_go.has_value() || stopped_at != never);
      EXPECT_FALSE(let_go.has_value() && stopped_at == 1);
      files->stop();
    }
    files->crash(stopped_at);
    files->fail_no_more();
    Process process(*files, clock, std::chrono::days(2));
    ASSERT_DONE(process.start());
    ASSERT_DONE(process.put_all());
    const auto between = process.books();
    ASSERT_TRUE(between) << between.error().message;
    EXPECT_TRUE(between->balances()) << (between->balances() ? "" : between->differences.front().what);
    ASSERT_DONE(process.keeper().flush());
    ASSERT_DONE(process.keeper().let_go());  // what was begun
    ASSERT_DONE(process.keeper().let_go());
    const auto after = process.books();
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_TRUE(after->balances()) << (after->balances() ? "" : after->differences.front().what);
    EXPECT_EQ(after->store.of(store::Outcome::purged).count, store::ledger_span);
    EXPECT_EQ(process.kept()->size(), 1000u);
    EXPECT_LE(process.journal().begin(), store::ledger_span);
    EXPECT_GT(process.journal().begin(), 0u) << "the journal keeps no longer than the store";
  }
}

TEST(WritePath, lets_go_of_the_oldest_when_the_store_is_above_its_budget_and_says_when_that_is_not_enough) {
  const auto files = make_simulated_files();
  ManualClock clock(noon);
  Process process(*files, clock);
  ASSERT_DONE(process.start());
  fill(process, 0, store::ledger_span + 1000);
  Health health;
  const auto metrics = make_metrics();
  Keeper keeper(process.journal(), process.store(), *files, health, clock, *metrics,
                {.trimmed_path = folder + "/trimmed", .store_folder = folder + "/store", .store_bytes_max = 1});
  for (int looks = 0; looks < 2; ++looks) ASSERT_DONE(keeper.let_go());
  EXPECT_EQ(process.store().watermarks().purged, store::ledger_span);
  EXPECT_EQ(metrics->counter("waybill_store_purged_total", "").value(), store::ledger_span);
  EXPECT_GT(metrics->gauge("waybill_store_disk_bytes", "").value(), 0);
  const auto more = keeper.let_go();
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::overloaded);
  const auto books = process.books();
  ASSERT_TRUE(books) << books.error().message;
  EXPECT_TRUE(books->balances()) << (books->balances() ? "" : books->differences.front().what);
}

TEST(WritePath, neither_journal_nor_store_lets_go_of_what_another_consumer_does_not_have) {
  const auto files = make_simulated_files();
  ManualClock clock(noon);
  Process process(*files, clock);
  ASSERT_DONE(process.start());
  fill(process, 0, 2 * store::ledger_span + 1000);
  uint64_t has = store::ledger_span - 1;
  std::optional<store::Sum> says;
  Health health;
  const auto metrics = make_metrics();
  Keeper keeper(
      process.journal(), process.store(), *files, health, clock, *metrics,
      {.trimmed_path = folder + "/trimmed",
       .journal_keep_bytes = 0,
       .store_folder = folder + "/store",
       .store_bytes_max = 1,
       .consumers = {
           {.name = "lake", .durable = [&] { return has; }, .sum = [&](uint64_t, uint64_t) { return says; }}}});
  EXPECT_EQ(keeper.trim(), 0u);
  ASSERT_DONE(keeper.let_go());  // what may be left from before
  EXPECT_EQ(keeper.let_go().error().code, Code::overloaded);
  EXPECT_EQ(process.store().watermarks().purged, 0u);
  EXPECT_EQ(process.journal().begin(), 0u);

  has = store::ledger_span;
  const auto no_books = keeper.trim();
  ASSERT_FALSE(no_books);
  EXPECT_NE(no_books.error().message.find("lake has no books"), std::string::npos) << no_books.error().message;
  says = store::Sum{.count = store::ledger_span, .ids = {.high = 1}};
  EXPECT_EQ(keeper.trim().error().code, Code::corrupt);
  EXPECT_EQ(process.journal().begin(), 0u);
  const auto ledgers = process.store().ledgers();
  ASSERT_TRUE(ledgers);
  says = ledgers->front().total();
  EXPECT_GT(*keeper.trim(), 0u);
  EXPECT_LE(process.journal().begin(), store::ledger_span);
  for (int looks = 0; looks < 2; ++looks) (void)keeper.let_go();
  EXPECT_EQ(process.store().watermarks().purged, store::ledger_span);
}

TEST(WritePath, the_store_lets_go_by_command_of_what_others_have_read_again_and_of_nothing_while_a_backup_runs) {
  const auto files = make_simulated_files();
  ManualClock clock(noon);
  Process process(*files, clock);
  ASSERT_DONE(process.start());
  fill(process, 0, 2 * store::ledger_span + 1000);
  Health health;
  const auto metrics = make_metrics();
  Result<void> found;
  std::vector<std::pair<uint64_t, uint64_t>> read;
  Keeper keeper(process.journal(), process.store(), *files, health, clock, *metrics,
                {.trimmed_path = folder + "/trimmed",
                 .journal_keep_bytes = UINT64_MAX,
                 .consumers = {{.name = "lake",
                                .durable = [] { return 2 * store::ledger_span; },
                                .sum = [&](uint64_t from, uint64_t to) -> std::optional<store::Sum> {
                                  const auto ledgers = process.store().ledgers().value();
                                  store::Sum sum;
                                  for (const auto& ledger : ledgers)
                                    if (ledger.from >= from && ledger.to <= to) sum += ledger.total();
                                  return sum;
                                },
                                .reread =
                                    [&](uint64_t from, uint64_t to) {
                                      read.emplace_back(from, to);
                                      return found;
                                    }}}});
  const Time before = noon + std::chrono::seconds(store::ledger_span + 5);
  found = fail(Code::corrupt, "a bit is not what it was");
  EXPECT_EQ(keeper.let_go_before(before, {}).error().code, Code::corrupt);
  EXPECT_EQ(process.store().watermarks().purged, 0u);
  found = {};
  {
    const auto backup = keeper.hold_trim();
    EXPECT_EQ(keeper.let_go_before(before, {}).error().code, Code::conflict);
    EXPECT_EQ(process.store().watermarks().purged, 0u);
  }
  EXPECT_EQ(keeper.let_go_before(before, {}).value(), store::ledger_span);
  EXPECT_EQ(read.back(), std::pair(uint64_t{0}, store::ledger_span));
  const size_t readings = read.size();
  EXPECT_EQ(keeper.let_go_before(before, {}).value(), store::ledger_span);
  EXPECT_EQ(read.size(), readings) << "nothing more to let go of";
  EXPECT_EQ(keeper.let_go_before(noon + std::chrono::days(30), {}).value(), 2 * store::ledger_span);
  const auto books = process.books();
  ASSERT_TRUE(books) << books.error().message;
  EXPECT_TRUE(books->balances()) << (books->balances() ? "" : books->differences.front().what);
}

TEST(Retention, goes_by_the_newest_record_of_each_ledger_and_stops_at_the_first_that_is_young) {
  constexpr uint64_t span = store::ledger_span;
  const auto ledger = [](uint64_t from, uint64_t to, std::optional<Time> newest) {
    return store::Ledger{.from = from, .to = to, .by_outcome = {}, .newest = newest};
  };
  const Time before = noon;
  const Time old = noon - std::chrono::seconds(1);
  EXPECT_EQ(aged_end({}, before), 0u);
  EXPECT_EQ(aged_end(std::vector{ledger(0, span, old), ledger(span, 2 * span, noon)}, before), span);
  EXPECT_EQ(aged_end(std::vector{ledger(0, span, noon), ledger(span, 2 * span, old)}, before), 0u);
  EXPECT_EQ(aged_end(std::vector{ledger(0, span, {}), ledger(span, 2 * span, noon)}, before), 0u) << "not known";
  EXPECT_EQ(aged_end(std::vector{ledger(0, span, {}), ledger(span, 2 * span, old)}, before), 2 * span);
  EXPECT_EQ(aged_end(std::vector{ledger(0, span, old), ledger(span, span + 5, old)}, before), span) << "it still grows";
}

TEST(Retention, lets_go_of_an_eighth_more_than_the_budget_asks_for) {
  constexpr uint64_t span = store::ledger_span;
  const store::Watermarks marks{.visible = 100 * span, .durable = 100 * span, .purged = 20 * span};
  EXPECT_EQ(oversized_end(marks, 800, 800), 20 * span);
  EXPECT_EQ(oversized_end(marks, 800, 400), (20 + 45 + 1) * span);
  EXPECT_EQ(oversized_end(marks, 800, 1), 100 * span);
  EXPECT_EQ(oversized_end({}, 800, 1), 0u);
}

TEST(Retention, believes_a_date_that_leaps_ahead_only_when_it_has_stayed_for_a_day) {
  ManualClock clock(noon);
  PrudentDate date(clock);
  clock.advance(std::chrono::days(3));
  EXPECT_EQ(date.now(), noon + std::chrono::days(3));
  clock.jump(std::chrono::days(400));
  EXPECT_EQ(date.now(), noon + std::chrono::days(3));
  clock.advance(std::chrono::hours(23));
  EXPECT_EQ(date.now(), noon + std::chrono::days(3) + std::chrono::hours(23));
  clock.jump(-std::chrono::days(400));
  EXPECT_EQ(date.now(), noon + std::chrono::days(3) + std::chrono::hours(23));
  clock.jump(std::chrono::days(10));
  EXPECT_LT(date.now(), clock.now());
  clock.advance(std::chrono::hours(25));
  EXPECT_EQ(date.now(), clock.now());
}

TEST(Trimmed, is_read_back_as_it_was_written_and_refused_when_it_is_something_else) {
  const auto files = make_simulated_files();
  ASSERT_DONE(files->make_folder(folder));
  const Trimmed trimmed{.epoch = 2, .partition = 1, .end = 131072, .sum = {131072, {.high = 1, .low = UINT64_MAX}}};
  ASSERT_DONE(write_trimmed(*files, folder + "/trimmed", trimmed));
  EXPECT_EQ(*read_trimmed(*files, folder + "/trimmed"), trimmed);
  EXPECT_EQ(*read_trimmed(*files, folder + "/none"), Trimmed{});
  ASSERT_DONE(write_file_atomically(*files, folder + "/trimmed", "waybill trimmed 2"));
  EXPECT_EQ(read_trimmed(*files, folder + "/trimmed").error().code, Code::corrupt);
}

TEST(Progress, calls_who_waits_when_the_store_has_come_so_far) {
  Progress progress;
  progress.reached(5);
  int called = 0;
  progress.when(5, [&] { ++called; });
  EXPECT_EQ(called, 1);
  progress.when(7, [&] { ++called; });
  progress.reached(6);
  EXPECT_EQ(called, 1);
  progress.reached(9);
  EXPECT_EQ(called, 2);
  progress.reached(10);
  EXPECT_EQ(called, 2);
}

}  // namespace
}  // namespace waybill::ingest
