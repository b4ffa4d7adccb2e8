#include "lake/bronze.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "base/simulated_files.h"
#include "journal/journal_probe.h"
#include "lake/books.h"
#include "lake/bronze_rows.h"
#include "lake/catalog_text.h"
#include "lake/simulated_objects.h"
#include "wire/record.h"

namespace waybill::lake {
namespace {

using namespace std::chrono_literals;

constexpr Time noon = std::chrono::sys_days(2026y / 11 / 29) + 12h;

Location location_number(uint64_t number, Time received_at) {
  Location location;
  location.deliverer = DelivererId("d" + std::to_string(number % 7));
  location.order = OrderId("o" + std::to_string(number % 11));
  location.fix_time = received_at - std::chrono::seconds(number % 3) - (number % 5 == 0 ? 24h : 0h);
  location.received_at = received_at;
  location.latitude = 41.1 + static_cast<double>(number) * 1e-6;
  location.longitude = -8;
  return location;
}

#define ASSERT_DONE(...)                       \
  do {                                         \
    const auto done = (__VA_ARGS__);           \
    ASSERT_TRUE(done) << done.error().message; \
  } while (false)

// A journal and a lake; the lake's process is started and killed as often as wanted.
class BronzeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = journal::open_journal({.folder = "journal"}, *files, clock, *metrics);
    ASSERT_TRUE(opened) << opened.error().message;
    journal = *std::move(opened);
  }

  void append(const wire::Record& record) {
    std::string bytes;
    wire::encode_record(record, bytes);
    ASSERT_DONE(journal->append(journal::records_of({bytes})));
    ASSERT_DONE(journal->commit());
  }
  void append_locations(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) append(location_number(journal->durable_end(), clock.now()));
  }

  Result<std::unique_ptr<Bronze>> open_bronze_of(BronzeOptions options = {}) {
    TRY_LET(auto catalog, open_catalog(objects, clock));
    catalogs.push_back(std::move(catalog));  // each process has its own
    return open_bronze(*journal, objects, *catalogs.back(), clock, *metrics, options);
  }
  std::unique_ptr<Bronze> start(BronzeOptions options = {}) {
    auto bronze = open_bronze_of(options);
    EXPECT_TRUE(bronze) << bronze.error().message;
    return *std::move(bronze);
  }
  static Result<void> take_all(Bronze& bronze) {
    while (true) {
      TRY_LET(const size_t taken, bronze.step(Bronze::Write::all));
      if (taken == 0) return {};
    }
  }
  std::shared_ptr<const Snapshot> lake() {
    auto opened = open_catalog(objects, clock);
    EXPECT_TRUE(opened) << opened.error().message;
    return (*opened)->now();
  }
  std::vector<const DataFile*> files_of(BronzeTable table) {
    kept = lake();
    auto found = kept->of_table(table_name(table));
    std::ranges::sort(found, {}, [](const DataFile* file) { return file->from->offset; });
    return found;
  }
  void expect_books_balance() {
    const auto state = lake();
    const auto balanced =
        balance(*state, {.partition = 0,
                         .read = [&](uint64_t offset, size_t bytes) { return journal->read(offset, bytes); },
                         .journal_begin = journal->begin(),
                         .journal_end = journal->durable_end(),
                         .store = {}});
    ASSERT_TRUE(balanced) << balanced.error().message;
    for (const auto& difference : balanced->differences)
      ADD_FAILURE() << difference.from << " … " << difference.to << ": " << difference.what;
    for (const auto& difference : reread(*state, objects))
      ADD_FAILURE() << difference.from << " … " << difference.to << ": " << difference.what;
  }
  // The offsets of all locations in the current files.
  std::multiset<uint64_t> offsets() {
    std::multiset<uint64_t> found;
    for (const DataFile* file : files_of(BronzeTable::deliverer_location))
      EXPECT_TRUE(read_locations(as_bytes(*objects.get(file->key)),
                                 [&](const Position& position, const Location&) { found.insert(position.offset); }));
    return found;
  }

  std::unique_ptr<SimulatedFiles> files = make_simulated_files();
  ManualClock clock{noon};
  std::unique_ptr<Metrics> metrics = make_metrics();
  std::unique_ptr<journal::Journal> journal;
  SimulatedObjects objects;
  std::vector<std::unique_ptr<Catalog>> catalogs;
  std::shared_ptr<const Snapshot> kept;
};

TEST_F(BronzeTest, every_record_is_in_its_table_and_in_the_books) {
  append_locations(20);
  append(OrderCommand{.order = OrderId("o1"), .received_at = noon});
  append(wire::Quarantined{.source = "locations", .reason = "no latitude", .raw = "{}", .received_at = noon});
  append(Grant{.id = "t", .subject = "s", .at = noon, .by = "x"});
  journal::Records unreadable;
  unreadable.bytes = "\xff what is this";
  unreadable.ends = {unreadable.bytes.size()};
  ASSERT_DONE(journal->append(unreadable));
  ASSERT_DONE(journal->commit());
  const auto bronze = start();
  ASSERT_DONE(take_all(*bronze));
  EXPECT_EQ(bronze->end(), 24u);
  expect_books_balance();
  const auto state = lake();
  EXPECT_EQ(state->watermarks.at(0), (Watermark{.epoch = 1, .begin = 0, .end = 24}));
  const Ledger& ledger = state->ledgers.at({0, 0});
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::location)].count, 20u);
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::command)].count, 1u);
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::quarantined)].count, 2u);
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::other)].count, 1u);
  EXPECT_EQ(offsets().size(), 20u);
  const auto quarantine = files_of(BronzeTable::quarantine);
  ASSERT_EQ(quarantine.size(), 1u);
  std::vector<std::string> raw;
  ASSERT_DONE(read_quarantine(
      as_bytes(*objects.get(quarantine[0]->key)),
      [&](const Position&, const EventId&, const wire::Quarantined& item) { raw.push_back(item.raw); }));
  EXPECT_EQ(raw, (std::vector<std::string>{"{}", "\xff what is this"}));
}

TEST_F(BronzeTest, a_file_is_of_one_hour_and_says_which_fix_dates_are_in_it) {
  append_locations(10);
  clock.advance(1h);
  append_locations(10);
  const auto bronze = start();
  ASSERT_DONE(take_all(*bronze));
  const auto found = files_of(BronzeTable::deliverer_location);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]->key,
            "raw/internal/deliverer_data/deliverer_location/date=2026-11-29/hour=12/part-1-0-0-10-g0.parquet");
  EXPECT_EQ(found[0]->hour, 12);
  EXPECT_EQ(found[1]->hour, 13);
  EXPECT_EQ(found[1]->dates, (std::vector<std::string>{"2026-11-28", "2026-11-29"}));
  expect_books_balance();
}

TEST_F(BronzeTest, threads_that_stamp_out_of_order_do_not_cut_a_file_each_time) {
  clock.advance(1h);
  for (uint64_t i = 0; i < 20; ++i) append(location_number(i, clock.now() - (i % 2 == 0 ? 300us : 0us)));
  ASSERT_DONE(take_all(*start()));
  EXPECT_EQ(files_of(BronzeTable::deliverer_location).size(), 2u);
  expect_books_balance();
}

TEST_F(BronzeTest, it_writes_when_the_time_is_over_or_the_bytes_are_there) {
  const auto bronze = start({.roll_every = 60s, .roll_bytes = 2000});
  append_locations(3);
  EXPECT_EQ(bronze->step(Bronze::Write::due), 3u);
  clock.advance(59s);
  EXPECT_EQ(bronze->step(Bronze::Write::due), 0u);
  EXPECT_EQ(bronze->end(), 0u);
  clock.advance(1s);
  EXPECT_EQ(bronze->step(Bronze::Write::due), 0u);
  EXPECT_EQ(bronze->end(), 3u);
  append_locations(100);
  EXPECT_EQ(bronze->step(Bronze::Write::due), 100u);
  EXPECT_GT(bronze->end(), 3u);
  EXPECT_LT(bronze->end(), 103u);
  EXPECT_EQ(lake()->watermarks.at(0).end, bronze->end());
}

TEST_F(BronzeTest, whatever_fails_each_position_is_in_the_lake_once) {
  for (const Lost lost : {Lost::operation, Lost::answer}) {
    for (uint64_t n = 1;; ++n) {
      SCOPED_TRACE("change " + std::to_string(n));
      objects.fail_at(0, lost);
      append_locations(30);
      append(OrderCommand{.order = OrderId("o1"), .received_at = clock.now()});
      objects.fail_at(n, lost);
      bool dies = false;
      if (const auto bronze = open_bronze_of(); bronze) {
        dies = !take_all(**bronze);
        // It goes on by itself …
        if (dies && n % 2 == 0) ASSERT_DONE(take_all(**bronze));
      }
      const bool failed = objects.has_failed();
      objects.fail_at(0, lost);
      // … or another process does.
      ASSERT_DONE(take_all(*start()));
      EXPECT_EQ(lake()->watermarks.at(0).end, journal->durable_end());
      const auto found = offsets();
      EXPECT_EQ(found.size(), std::set<uint64_t>(found.begin(), found.end()).size());
      expect_books_balance();
      if (!failed) break;
    }
  }
}

TEST_F(BronzeTest, the_files_of_an_hour_that_is_over_become_one_whatever_fails) {
  for (const Lost lost : {Lost::operation, Lost::answer}) {
    for (uint64_t n = 1;; ++n) {
      SCOPED_TRACE("change " + std::to_string(n));
      clock.advance(1h);
      const auto bronze = start();
      for (int i = 0; i < 3; ++i) {
        append_locations(5);
        append(OrderCommand{.order = OrderId("o1"), .received_at = clock.now()});
        ASSERT_DONE(take_all(*bronze));
      }
      EXPECT_EQ(bronze->compact_next(), false) << "the hour is not over";
      const size_t closed = files_of(BronzeTable::deliverer_location).size() - 3;
      const uint64_t changed = files_of(BronzeTable::deliverer_location).back()->changed;
      clock.advance(1h);
      objects.fail_at(n, lost);
      const auto first = bronze->compact_next();
      const bool failed = objects.has_failed();
      objects.fail_at(0, lost);
      const auto heir = n % 2 == 0 ? start() : nullptr;
      while (*(heir ? *heir : *bronze).compact_next()) {
      }
      ASSERT_EQ(files_of(BronzeTable::deliverer_location).size(), closed + 1);
      EXPECT_EQ(files_of(BronzeTable::deliverer_location).back()->changed, changed)
          << "a model has nothing new to read in it";
      EXPECT_EQ(files_of(BronzeTable::order_command).size(), closed + 1);
      expect_books_balance();
      if (!failed) {
        EXPECT_EQ(first, true);
        break;
      }
    }
  }
}

TEST_F(BronzeTest, what_was_replaced_goes_when_its_history_is_over_and_so_does_what_nobody_named) {
  const auto bronze = start();
  for (int i = 0; i < 3; ++i) {
    append_locations(4);
    ASSERT_DONE(take_all(*bronze));
  }
  clock.advance(1h);
  ASSERT_EQ(bronze->compact_next(), true);
  ASSERT_DONE(
      objects.put(bronze_folder(BronzeTable::deliverer_location) + "left-by-a-dead-process", {}, IfThere::conflict));
  const auto in_lake = [&] { return objects.list("raw/", {})->size(); };
  EXPECT_EQ(in_lake(), 5u);
  EXPECT_EQ(bronze->expire(1h), 1u) << "only what no version names: somebody may still read the three";
  EXPECT_EQ(in_lake(), 4u);
  clock.advance(1h + 1s);
  append_locations(1);
  ASSERT_DONE(take_all(*bronze));
  EXPECT_EQ(bronze->expire(1h), 3u);
  EXPECT_EQ(in_lake(), 2u);
  EXPECT_LE(objects.list("catalog/version-", {})->size(), 1u);
  expect_books_balance();
  ASSERT_DONE(take_all(*start()));
}

TEST_F(BronzeTest, files_become_one_only_up_to_so_many_rows) {
  const auto bronze = start({.compact = {.rows_max = 10}});
  for (int i = 0; i < 5; ++i) {
    append_locations(4);
    ASSERT_DONE(take_all(*bronze));
  }
  clock.advance(1h);
  while (*bronze->compact_next()) {
  }
  std::vector<uint64_t> rows;
  for (const DataFile* file : files_of(BronzeTable::deliverer_location)) rows.push_back(file->rows);
  EXPECT_EQ(rows, (std::vector<uint64_t>{8, 8, 4}));
  expect_books_balance();
}

TEST_F(BronzeTest, a_damaged_file_is_not_put_together_with_others) {
  const auto bronze = start();
  for (int i = 0; i < 2; ++i) {
    append_locations(4);
    ASSERT_DONE(take_all(*bronze));
  }
  clock.advance(1h);
  objects.flip_bit(files_of(BronzeTable::deliverer_location).at(1)->key, 100);
  EXPECT_EQ(bronze->compact_next().error().code, Code::corrupt);
  EXPECT_EQ(files_of(BronzeTable::deliverer_location).size(), 2u);
}

TEST_F(BronzeTest, a_writer_that_was_thought_dead_changes_nothing) {
  const auto zombie = start();
  append_locations(10);
  ASSERT_TRUE(zombie->step(Bronze::Write::due));
  const auto heir = start();
  ASSERT_DONE(take_all(*heir));
  const auto version = lake()->version;
  clock.advance(1h);
  const auto late = zombie->step(Bronze::Write::all);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict);
  EXPECT_EQ(lake()->version, version);
  expect_books_balance();
}

TEST_F(BronzeTest, a_lake_that_needs_what_the_journal_has_trimmed_is_refused) {
  append_locations(5);
  ASSERT_DONE(take_all(*start()));
  journal = *journal::open_journal({.folder = "other", .segment_bytes = 4096}, *files, clock, *metrics);
  append_locations(300);
  ASSERT_DONE(journal->trim(300));
  ASSERT_GT(journal->begin(), 5u);
  const auto refused = open_bronze_of();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_NE(refused.error().message.find("1-0-5"), std::string::npos) << refused.error().message;
}

TEST_F(BronzeTest, a_lake_switched_on_later_begins_where_the_journal_begins) {
  journal = *journal::open_journal({.folder = "other", .segment_bytes = 4096}, *files, clock, *metrics);
  append_locations(300);
  ASSERT_DONE(journal->trim(300));
  const uint64_t begin = journal->begin();
  ASSERT_GT(begin, 0u);
  ASSERT_DONE(take_all(*start()));
  EXPECT_EQ(lake()->watermarks.at(0), (Watermark{.epoch = 1, .begin = begin, .end = 300}));
  expect_books_balance();
}

TEST_F(BronzeTest, a_flipped_bit_in_a_file_is_found) {
  append_locations(10);
  ASSERT_DONE(take_all(*start()));
  const std::string key = files_of(BronzeTable::deliverer_location).at(0)->key;
  objects.flip_bit(key, objects.get(key)->size() / 2);
  const auto differences = reread(*lake(), objects);
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_NE(differences[0].what.find(key), std::string::npos);
}

TEST_F(BronzeTest, books_that_differ_are_told_with_both_sides) {
  append_locations(10);
  ASSERT_DONE(take_all(*start()));
  Snapshot wrong = *lake();
  wrong.ledgers.begin()->second.by_kind[0].ids.low ^= 1;
  const auto balanced =
      balance(wrong, {.partition = 0,
                      .read = [&](uint64_t offset, size_t bytes) { return journal->read(offset, bytes); },
                      .journal_begin = 0,
                      .journal_end = 10,
                      .store = {}});
  ASSERT_TRUE(balanced);
  ASSERT_EQ(balanced->differences.size(), 2u) << "the journal's records, and the files' rows";
  EXPECT_NE(balanced->differences[0].what.find("journal: 10 records"), std::string::npos);
}

// Who is erased, and the options of a lake that is to know it.
struct Erased {
  Erased() { names->set_key({.high = 1, .low = 2}); }
  Erasure record(Erasure::Kind kind, const std::string& id) const {
    return {.kind = kind, .name = names->hash_of(kind, id), .at = noon, .by = "admin"};
  }
  BronzeOptions options() const { return {.erased = names}; }

  std::shared_ptr<wire::ErasedNames> names = std::make_shared<wire::ErasedNames>();
};

Result<void> erase_all(Bronze& bronze) {
  while (true) {
    TRY_LET(const bool more, bronze.erase_next());
    if (!more) return {};
  }
}

void expect_only_others(const SimulatedObjects& objects, const std::vector<const DataFile*>& files,
                        const std::string& deliverer) {
  for (const DataFile* file : files)
    ASSERT_DONE(read_locations(as_bytes(*objects.get(file->key)), [&](const Position&, const Location& location) {
      EXPECT_NE(location.deliverer->text, deliverer);
    }));
}

TEST_F(BronzeTest, who_was_erased_is_in_no_file_and_in_the_books_as_erased) {
  const Erased erased;
  const auto bronze = start(erased.options());
  append_locations(50);
  append(OrderCommand{.order = OrderId("o1"), .deliverer = DelivererId("d3"), .received_at = clock.now()});
  append(wire::Quarantined{.source = "locations", .raw = R"({"deliverer_id":"d3"})", .received_at = clock.now()});
  ASSERT_DONE(take_all(*bronze));
  append_locations(20);
  EXPECT_EQ(bronze->step(Bronze::Write::due), 20u);  // collected, in no file yet
  append(erased.record(Erasure::Kind::deliverer, "d3"));
  EXPECT_EQ(bronze->step(Bronze::Write::due), 1u);
  EXPECT_EQ(bronze->end(), 73u) << "what was collected is written at once";
  const std::string property = erasure_property("1-0-72");
  EXPECT_FALSE(erasure_at(*lake(), property)->done);
  ASSERT_DONE(erase_all(*bronze));
  const auto stands = erasure_at(*lake(), property);
  ASSERT_TRUE(stands);
  EXPECT_TRUE(stands->done);
  EXPECT_EQ(stands->rows, 7u + 3u + 2u);
  EXPECT_EQ(stands->files, 4u);
  EXPECT_EQ(stands->name, erased.names->hash_of(Erasure::Kind::deliverer, "d3"));
  expect_books_balance();
  const Ledger ledger = lake()->ledgers.begin()->second;
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::erased)].count, 11u);
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::command)].count, 1u);
  EXPECT_EQ(ledger.total().count, 73u);
  ASSERT_DONE(forget_replaced(**open_catalog(objects, clock), clock));
  expect_only_others(objects, files_of(BronzeTable::deliverer_location), "d3");
  for (const auto table : {BronzeTable::deliverer_location, BronzeTable::order_command})
    for (const DataFile* file : files_of(table)) {
      EXPECT_FALSE(file->dates.empty()) << "the models see which dates changed";
      EXPECT_GT(file->generation, 0u);
      if (table == BronzeTable::order_command)
        ASSERT_DONE(read_commands(as_bytes(*objects.get(file->key)), [](const Position&, const OrderCommand& command) {
          EXPECT_FALSE(command.deliverer);
        }));
    }
  for (const auto& [key, content] : objects.all())
    EXPECT_EQ(key.find("-g0.parquet"), std::string::npos) << "what was replaced is gone";
}

TEST_F(BronzeTest, what_comes_under_an_erased_name_is_in_the_books_only) {
  const Erased erased;
  const auto bronze = start(erased.options());
  append(erased.record(Erasure::Kind::order, "o5"));
  append_locations(22);
  append(wire::Remains{});
  ASSERT_DONE(take_all(*bronze));
  expect_books_balance();
  const Ledger ledger = lake()->ledgers.begin()->second;
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::erased)].count, 3u);
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::location)].count, 20u);
  EXPECT_EQ(ledger.by_kind[static_cast<size_t>(Kind::other)].count, 1u);
  ASSERT_DONE(erase_all(*bronze));
  EXPECT_EQ(erasures_of(*lake()).begin()->second.rows, 0u);
}

TEST_F(BronzeTest, a_process_that_never_saw_the_record_knows_the_name_by_the_catalog) {
  {
    const Erased erased;
    const auto bronze = start(erased.options());
    append_locations(14);
    append(erased.record(Erasure::Kind::deliverer, "d3"));
    ASSERT_DONE(take_all(*bronze));  // killed before anything is taken out
  }
  const Erased erased;
  uint64_t asked = 0;
  BronzeOptions options = erased.options();
  options.need_key = [&]() -> Result<void> {
    ++asked;
    return {};
  };
  const auto bronze = start(options);
  EXPECT_GT(asked, 0u);
  append_locations(14);
  ASSERT_DONE(take_all(*bronze));
  ASSERT_DONE(erase_all(*bronze));
  EXPECT_EQ(erasures_of(*lake()).begin()->second.rows, 2u);
  expect_only_others(objects, files_of(BronzeTable::deliverer_location), "d3");
  expect_books_balance();
}

TEST_F(BronzeTest, of_two_who_are_erased_in_one_go_each_is_counted_by_itself_whoever_is_killed) {
  const Erased erased;
  auto bronze = start(erased.options());
  append_locations(49);
  ASSERT_DONE(take_all(*bronze));
  append_locations(21);
  append(erased.record(Erasure::Kind::deliverer, "d3"));
  append(erased.record(Erasure::Kind::order, "o5"));
  ASSERT_DONE(take_all(*bronze));
  const auto stands = [&](const std::string& position) { return *erasure_at(*lake(), erasure_property(position)); };
  ASSERT_TRUE(*bronze->erase_next());
  uint64_t left = 0;
  for (const DataFile* file : files_of(BronzeTable::deliverer_location)) left += file->rows;
  EXPECT_LT(left, 70u);
  EXPECT_EQ(stands("1-0-70").rows + stands("1-0-71").rows, 70 - left) << "in the commit that took them out";
  bronze = start(erased.options());  // the one before was killed
  ASSERT_DONE(erase_all(*bronze));
  EXPECT_TRUE(stands("1-0-70").done && stands("1-0-71").done);
  EXPECT_EQ(stands("1-0-70").rows, 10u);
  EXPECT_EQ(stands("1-0-70").files, 2u);
  EXPECT_EQ(stands("1-0-71").rows, 5u) << "the sixth names both, and is the first one's";
  EXPECT_EQ(stands("1-0-71").files, 2u);
  expect_only_others(objects, files_of(BronzeTable::deliverer_location), "d3");
  expect_books_balance();
}

TEST_F(BronzeTest, run_takes_out_by_itself_who_was_erased) {
  const Erased erased;
  const auto bronze = start(erased.options());
  append_locations(14);
  append(erased.record(Erasure::Kind::deliverer, "d3"));
  std::jthread running([&](const std::stop_token& stop) { EXPECT_TRUE(bronze->run(stop)); });
  while (true) {
    const auto erasures = erasures_of(*lake());
    if (!erasures.empty() && erasures.begin()->second.done) break;
    std::this_thread::yield();
  }
  running.request_stop();
  running.join();
  expect_only_others(objects, files_of(BronzeTable::deliverer_location), "d3");
}

TEST_F(BronzeTest, a_file_of_which_nothing_is_left_stays_without_rows) {
  const Erased erased;
  const auto bronze = start(erased.options());
  append(location_number(3, clock.now()));
  ASSERT_DONE(take_all(*bronze));
  const auto dates = files_of(BronzeTable::deliverer_location).front()->dates;
  append(erased.record(Erasure::Kind::deliverer, "d3"));
  ASSERT_DONE(take_all(*bronze));
  ASSERT_DONE(erase_all(*bronze));
  EXPECT_EQ(erasures_of(*lake()).begin()->second.rows, 1u);
  const auto left = files_of(BronzeTable::deliverer_location);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left.front()->rows, 0u);
  EXPECT_EQ(left.front()->dates, dates);
  expect_books_balance();
  clock.advance(2h);
  append(location_number(4, clock.now()));
  ASSERT_DONE(take_all(*bronze));
  expect_books_balance();
}

TEST_F(BronzeTest, whatever_fails_an_erasure_goes_on_and_the_books_balance) {
  for (const Lost lost : {Lost::operation, Lost::answer}) {
    uint64_t n = 1;
    for (bool failed = true; failed; ++n) {
      SCOPED_TRACE("change " + std::to_string(n));
      objects.fail_at(0, lost);
      for (const auto& [key, content] : objects.all()) ASSERT_DONE(objects.remove(key));  // a lake that begins anew
      journal = *journal::open_journal({.folder = std::to_string(n) + (lost == Lost::answer ? "a" : "o")}, *files,
                                       clock, *metrics);
      const Erased erased;
      auto bronze = start(erased.options());
      for (int i = 0; i < 2; ++i) {
        append_locations(14);
        append(OrderCommand{.order = OrderId("o1"), .deliverer = DelivererId("d3"), .received_at = clock.now()});
        ASSERT_DONE(take_all(*bronze));
      }
      append(erased.record(Erasure::Kind::deliverer, "d3"));
      const auto catalog = open_catalog(objects, clock);
      ASSERT_TRUE(catalog);
      objects.fail_at(n, lost);
      const bool ended = take_all(*bronze) && erase_all(*bronze) && forget_replaced(**catalog, clock);
      failed = objects.has_failed();
      EXPECT_TRUE(ended || failed);
      objects.fail_at(0, lost);
      expect_books_balance();
      if (n % 2 == 0) bronze = start(erased.options());
      ASSERT_DONE(take_all(*bronze));
      ASSERT_DONE(erase_all(*bronze));
      ASSERT_DONE(forget_replaced(**catalog, clock));
      expect_books_balance();
      EXPECT_EQ(bronze->erase_next(), false);
      for (const auto& [property, stands] : erasures_of(*lake())) EXPECT_TRUE(stands.done) << property;
      expect_only_others(objects, files_of(BronzeTable::deliverer_location), "d3");
    }
    EXPECT_GT(n, 8u);
  }
}

TEST_F(BronzeTest, a_range_is_read_again_and_only_that) {
  append_locations(10);
  const auto bronze = start();
  ASSERT_DONE(take_all(*bronze));
  append_locations(10);
  ASSERT_DONE(take_all(*bronze));
  const auto state = lake();
  ASSERT_DONE(reread_range(*state, objects, 0, 0, 20));
  objects.flip_bit(files_of(BronzeTable::deliverer_location).at(1)->key, 50);
  ASSERT_DONE(reread_range(*state, objects, 0, 0, 10));
  ASSERT_DONE(reread_range(*state, objects, 1, 0, 20));
  for (const auto& [from, to] : {std::pair{0, 11}, std::pair{19, 20}})
    EXPECT_EQ(reread_range(*state, objects, 0, from, to).error().code, Code::corrupt);
}

TEST_F(BronzeTest, the_lake_by_itself_knows_what_is_missing_doubled_or_beside_it) {
  append_locations(10);
  const auto bronze = start();
  ASSERT_DONE(take_all(*bronze));
  const auto own = [&] { return own_balance(*open_catalog(objects, clock).value(), objects).value(); };
  EXPECT_TRUE(own().differences.empty());
  EXPECT_EQ(own().files, 1u);
  EXPECT_EQ(own().rows, 10u);
  ASSERT_DONE(objects.put("raw/beside", as_bytes("1"), IfThere::conflict));
  EXPECT_EQ(own().others, 1u);
  EXPECT_TRUE(own().differences.empty());

  const auto file = *files_of(BronzeTable::deliverer_location).at(0);
  ASSERT_DONE(objects.put(file.key, as_bytes("cut off"), IfThere::replace));
  ASSERT_EQ(own().differences.size(), 1u);
  EXPECT_NE(own().differences[0].what.find("has 7 bytes"), std::string::npos);
  ASSERT_DONE(objects.remove(file.key));
  EXPECT_NE(own().differences.at(0).what.find("is not there"), std::string::npos);

  const auto catalog = open_catalog(objects, clock).value();
  DataFile again = file;
  again.key = "raw/beside";
  again.from->offset = 9;
  again.bytes = 1;
  ASSERT_DONE(catalog->commit({.role = "test", .claim = *catalog->claim("test"), .what = "twice", .add = {again}}));
  std::string all;
  for (const auto& difference : own().differences) all += difference.what + "\n";
  EXPECT_NE(all.find("have positions in common"), std::string::npos) << all;
  EXPECT_NE(all.find("location: files: 20 records"), std::string::npos) << all;
}

}  // namespace
}  // namespace waybill::lake
