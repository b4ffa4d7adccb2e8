#include "store/document_tables.h"

#include <future>

#include "store/document_batch.h"
#include "store/document_grounds.h"
#include "store/keys.h"
#include "store/memory.h"
#include "store/random_records.h"

namespace waybill::store {
namespace {

using namespace std::chrono_literals;

constexpr Position journal{.epoch = 1, .partition = 0, .offset = 0};
constexpr int tries_max = 50;

std::unique_ptr<Ground> make_documents_ground() { return std::make_unique<DocumentsGround>(); }

class DocumentTables : public testing::Test {
 protected:
  std::unique_ptr<Tables> open(DocumentTablesOptions options = {.owner = test_owner}) {
    return checked(open_document_tables(std::make_unique<SimulatedDocuments>(documents_), options, clock_));
  }
  static Result<void> put(Tables& tables, const std::string& key, const std::string& value) {
    const auto batch = tables.batch();
    batch->put(Table::assigned, key, value);
    return tables.write(*batch);
  }
  static Result<void> remove(Tables& tables, const std::string& key) {
    const auto batch = tables.batch();
    batch->remove(Table::assigned, key);
    return tables.write(*batch);
  }
  static std::string read(const View& view, const std::string& key) {
    std::string value;
    const auto found = view.get(Table::assigned, key, value);
    if (!found) return std::string(to_string(found.error().code));
    return *found ? value : "-";
  }
  static std::string read(const Tables& tables, const std::string& key) { return read(*tables.view(), key); }
  static std::string all(const View& view, const std::string& prefix = {}) {
    std::string text;
    const auto rows = view.cursor(Table::assigned, prefix);
    for (rows->seek(prefix); rows->valid(); rows->next())
      text += std::string(rows->key()) + '=' + std::string(rows->value()) + ' ';
    return rows->status() ? text : std::string(to_string(rows->status().error().code));
  }

  SimulatedDocuments documents_;
  ManualClock clock_{at(0)};
};

TEST_F(DocumentTables, a_view_shows_one_moment_and_those_behind_it_do_not_wait) {
  const auto tables = open();
  ASSERT_TRUE(put(*tables, "a", "1"));
  auto before = tables->view();
  auto writing = std::async([&] { return put(*tables, "a", "2"); });
  while (read(*tables, "a") != "2") std::this_thread::yield();
  EXPECT_EQ(read(*before, "a"), "1");
  EXPECT_EQ(all(*before), "a=1 ");
  EXPECT_EQ(all(*tables->view()), "a=2 ");
  EXPECT_EQ(documents_.all("assigned").at("a").value, "1") << "the rows wait for who still reads them";
  before.reset();
  EXPECT_TRUE(writing.get());
  EXPECT_EQ(documents_.all("assigned").at("a").value, "2");
}

TEST_F(DocumentTables, a_view_that_is_open_for_too_long_is_over_and_says_so) {
  const auto tables = open({.owner = test_owner, .view_ms_max = 0ms});
  ASSERT_TRUE(put(*tables, "a", "1"));
  ASSERT_TRUE(put(*tables, "b", "1"));
  const auto old = tables->view();
  EXPECT_EQ(read(*old, "a"), "1");
  ASSERT_TRUE(put(*tables, "a", "2"));
  EXPECT_EQ(read(*old, "a"), "overloaded");
  EXPECT_EQ(read(*old, "b"), "1") << "from memory, and of its moment";
  EXPECT_EQ(all(*old), "overloaded");
  EXPECT_EQ(read(*tables, "a"), "2");
}

TEST_F(DocumentTables, cursors_walk_what_is_on_top_and_what_is_below_both_ways) {
  const auto tables = open();
  std::map<std::string, std::string> expected;
  Random random(random_seed());
  for (int batches = 0; batches < 40; ++batches) {
    const auto batch = tables->batch();
    for (int i = 0; i < 10; ++i) {
      const std::string key(1 + random.below(3), static_cast<char>('a' + random.below(4)));
      const std::string longer = key + std::string(random.below(3), '\xff') + std::to_string(random.below(20));
      if (random.chance(0.4)) {
        batch->remove(Table::assigned, longer);
        expected.erase(longer);
      } else {
        batch->put(Table::assigned, longer, std::to_string(batches));
        expected[longer] = std::to_string(batches);
      }
    }
    // Half of the time the rows are only in memory.
    documents_.go_away(false);
    auto old = random.chance(0.5) ? tables->view() : nullptr;
    auto writing = std::async([&] { return tables->write(*batch); });
    if (!old) {
      ASSERT_TRUE(writing.get());
    } else {
      while (all(*tables->view()) == all(*old) && writing.wait_for(0s) != std::future_status::ready)
        std::this_thread::yield();
    }
    const auto view = tables->view();
    for (const std::string prefix : {"", "a", "b\xff", "cc"}) {
      std::string back, text;
      for (const auto& [key, value] : expected)
        if (key.starts_with(prefix)) text += key + '=' + value + ' ';
      EXPECT_EQ(all(*view, prefix), text);
      const auto rows = view->cursor(Table::assigned, prefix);
      for (rows->seek_back(prefix + "\xff\xff\xff\xff"); rows->valid(); rows->previous())
        back = std::string(rows->key()) + '=' + std::string(rows->value()) + ' ' + back;
      EXPECT_EQ(back, text);
      // To and fro.
      rows->seek(prefix);
      if (!rows->valid()) continue;
      const std::string first(rows->key());
      rows->next();
      if (rows->valid()) {
        rows->previous();
        ASSERT_TRUE(rows->valid());
        EXPECT_EQ(rows->key(), first);
        rows->previous();
        EXPECT_FALSE(rows->valid());
      }
    }
    old.reset();
    if (writing.valid()) {
      ASSERT_TRUE(writing.get());
    }
  }
}

TEST_F(DocumentTables, who_opened_it_last_writes_and_others_are_told) {
  const auto first = open();
  ASSERT_TRUE(put(*first, "a", "1"));
  const auto second = open();
  ASSERT_TRUE(put(*second, "a", "2"));
  EXPECT_EQ(put(*first, "a", "3").error().code, Code::conflict);
  EXPECT_EQ(put(*first, "a", "3").error().code, Code::conflict);
  EXPECT_EQ(first->flush().error().code, Code::conflict);
  EXPECT_EQ(read(*second, "a"), "2");
  const auto other = open_document_tables(std::make_unique<SimulatedDocuments>(documents_), {.owner = 8}, clock_);
  EXPECT_EQ(other.error().code, Code::conflict);
  EXPECT_TRUE(put(*second, "a", "4"));
}

TEST_F(DocumentTables, a_batch_that_was_written_is_put_into_the_rows_by_whoever_comes_next) {
  auto tables = open();
  ASSERT_TRUE(put(*tables, "a", "1"));
  documents_.trouble_at(3, Trouble::not_done);  // redo, state, and then the row
  ASSERT_TRUE(put(*tables, "a", "2"));
  EXPECT_EQ(documents_.all("assigned").at("a").value, "1");
  EXPECT_EQ(read(*tables, "a"), "2");
  tables.reset();
  EXPECT_EQ(read(*open({.owner = test_owner, .to = OpenTo::read}), "a"), "2");
  tables = open();
  EXPECT_EQ(documents_.all("assigned").at("a").value, "2");
  documents_.trouble_at(3, Trouble::not_done);
  ASSERT_TRUE(put(*tables, "a", "3"));
  documents_.go_away(true);
  EXPECT_EQ(put(*tables, "b", "1").error().code, Code::unavailable);
  documents_.go_away(false);
  ASSERT_TRUE(put(*tables, "b", "2"));
  EXPECT_EQ(all(*tables->view()), "a=3 b=2 ");
}

TEST_F(DocumentTables, a_batch_of_which_nobody_knows_is_not_written_or_is_once_it_is_opened_anew) {
  auto tables = open();
  ASSERT_TRUE(put(*tables, "a", "1"));
  documents_.trouble_at(2, Trouble::late);  // the state, which is asked then
  EXPECT_EQ(put(*tables, "a", "2").error().code, Code::unavailable);
  EXPECT_EQ(read(*tables, "a"), "1");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(*tables, "b", std::to_string(i)));
  EXPECT_EQ(all(*tables->view()), "a=1 b=19 ") << "it came late, and somebody else was written meanwhile";
  EXPECT_EQ(all(*open()->view()), "a=1 b=19 ");
}

TEST_F(DocumentTables, nothing_that_comes_late_brings_back_what_was_removed_until_its_mark_goes) {
  const auto tables = open({.owner = test_owner, .late_ms_max = 60s});
  documents_.trouble_at(3, Trouble::twice);
  ASSERT_TRUE(put(*tables, "a", "1"));
  ASSERT_TRUE(remove(*tables, "a"));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(*tables, "b", std::to_string(i)));
  EXPECT_EQ(all(*tables->view()), "b=9 ");
  EXPECT_TRUE(documents_.all("assigned").contains("a"));
  ASSERT_TRUE(tables->flush());
  EXPECT_TRUE(documents_.all("assigned").contains("a"));
  for (int i = 0; i < 2; ++i) {
    clock_.advance(60s);
    ASSERT_TRUE(tables->flush());
  }
  EXPECT_FALSE(documents_.all("assigned").contains("a"));
}

TEST_F(DocumentTables, nothing_that_comes_late_replaces_what_was_written_since) {
  const auto tables = open();
  const auto put_ledger = [&](const std::string& value) {
    const auto batch = tables->batch();
    batch->put(Table::ledger, "a", value);  // of a table whose rows are mostly there already
    return tables->write(*batch);
  };
  for (int i = 0; i < 20; ++i) {
    documents_.trouble_at(3, i % 2 == 0 ? Trouble::twice : Trouble::late);
    ASSERT_TRUE(put_ledger("old"));
    ASSERT_TRUE(put_ledger("new"));
    for (int other = 0; other < 10; ++other) ASSERT_TRUE(put(*tables, "b", std::to_string(other)));
    EXPECT_EQ(documents_.all("ledger").at("a").value, "new");
  }
}

TEST_F(DocumentTables, a_large_batch_goes_in_pieces_and_redo_does_not_grow) {
  const auto tables = open();
  const auto batch = tables->batch();
  for (int i = 0; i < 3; ++i) batch->put(Table::assigned, std::to_string(i), std::string(documents_bytes_max, 'x'));
  for (int i = 0; i < 2000; ++i) batch->put(Table::updated, std::to_string(i), {});
  documents_.trouble_at(5, Trouble::not_done);  // four parts of redo, the state: nobody knows
  EXPECT_EQ(tables->write(*batch).error().code, Code::unavailable);
  EXPECT_EQ(documents_.all("redo").size(), 4u);
  EXPECT_EQ(read(*tables, "0"), "-");
  ASSERT_TRUE(tables->write(*batch)) << "the same batch again";
  EXPECT_EQ(read(*tables, "2").size(), documents_bytes_max);
  EXPECT_EQ(documents_.all("updated").size(), 2000u);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(put(*tables, "small", {}));
  EXPECT_LT(documents_.all("redo").size(), 4u);
}

TEST_F(DocumentTables, redo_holds_a_few_batches_and_nothing_of_them_after_an_erasure) {
  const auto tables = open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put(*tables, std::to_string(i % 5), "name"));
  EXPECT_LT(documents_.all("redo").size(), 10u);
  ASSERT_TRUE(remove(*tables, "3"));
  ASSERT_TRUE(tables->rewrite_all());
  EXPECT_TRUE(documents_.all("redo").empty());
  EXPECT_FALSE(documents_.all("assigned").contains("3"));
  EXPECT_TRUE(documents_.all("assigned").contains("2"));
  EXPECT_EQ(read(*open(), "2"), "name");
}

// What a store says to whoever reads beside its owner.
class Beside : public DocumentTables {
 protected:
  void put(Store& store, const std::vector<wire::Record>& records) {
    std::vector<Entry> entries;
    for (const wire::Record& record : records)
      entries.push_back({.offset = next_++, .record = record, .undecoded = {}});
    const auto done = store.put(journal, entries);
    ASSERT_TRUE(done) << done.error().message;
  }
  std::unique_ptr<Store> open_store(OpenTo to = OpenTo::write) {
    return checked(open_on(documents_, {.owner = test_owner, .to = to}));
  }
  uint64_t next_ = 0;
};

TEST_F(Beside, it_sees_the_moment_it_was_opened_in_or_is_told_that_it_cannot) {
  EXPECT_EQ(open_on(documents_, {.owner = test_owner, .to = OpenTo::read}).error().code, Code::not_found);
  const auto owner = open_store();
  put(*owner, {seen("A", "d1", 10), assign("A", 5, "d1")});
  const auto reader = open_store(OpenTo::read);
  const std::string before = everything_of(*reader);
  put(*owner, {seen("B", "d2", 20), seen({}, "d3", 30)});
  put(*owner, {seen("B", "d2", 21)});
  EXPECT_EQ(reader->watermarks().visible, 2u);
  const auto ledgers = checked(reader->ledgers());
  ASSERT_EQ(ledgers.size(), 1u);
  EXPECT_EQ(ledgers[0].of(Outcome::stored), checked(reader->recount()).locations_and_commands);
  EXPECT_TRUE(checked(reader->order(OrderId("A"))));
  EXPECT_EQ(reader->order(OrderId("B")).error().code, Code::unavailable) << "nobody knows whether there was one";
  EXPECT_EQ(reader->put(journal, {}).has_value(), true);
  EXPECT_EQ(reader->flush().error().code, Code::denied);
  EXPECT_EQ(everything_of(*open_store(OpenTo::read)), everything_of(*owner));
  EXPECT_NE(before, everything_of(*owner));
}

TEST_F(Beside, what_is_let_go_meanwhile_is_told) {
  const auto owner = open_store();
  put(*owner, {seen("A", "d1", 10), told(Kind::close, "A", 20)});
  while (next_ < ledger_span) put(*owner, std::vector<wire::Record>(ledger_span / 4, seen({}, "filler", 3600)));
  while (next_ < ledger_span + 10) put(*owner, {seen({}, "d9", static_cast<int64_t>(next_))});
  ASSERT_TRUE(owner->flush());
  const auto reader = open_store(OpenTo::read);
  EXPECT_TRUE(reader->recount());
  while (checked(owner->purge(ledger_span))) {
  }
  EXPECT_EQ(reader->recount().error().code, Code::unavailable);
}

TEST_F(Beside, a_database_that_loses_what_it_acknowledged_is_told_by_the_books) {
  const auto owner = open_store();
  put(*owner, {seen("A", "d1", 10), seen("A", "d1", 20), seen("A", "d1", 30)});
  const auto balances = [&] {
    Sum stored;
    for (const Ledger& ledger : checked(owner->ledgers())) stored += ledger.of(Outcome::stored);
    return checked(owner->recount()).locations_and_commands == stored;
  };
  EXPECT_TRUE(balances());
  documents_.trouble_at(5, Trouble::lost);  // who it is of, redo, state, watermark, and then the location
  put(*owner, {seen({}, "d2", 10)});
  EXPECT_EQ(documents_.all("deliverer_location").size(), 3u);
  EXPECT_TRUE(balances()) << "it is still shown from memory";
  put(*owner, {seen({}, "d2", 20)});
  EXPECT_FALSE(balances());
}

TEST_F(Beside, documents_say_in_words_what_they_hold) {
  const auto owner = open_store();
  Location location = seen("A", "17", 10, start);
  location.deliverer = DelivererId("17", true);
  put(*owner, {location});
  const Document document = documents_.all("deliverer_location").begin()->second;
  EXPECT_EQ(document.shown, (std::vector<Shown>{{"order_id", "A"},
                                                {"deliverer_id", int64_t{17}},
                                                {"delivery_state", "start"},
                                                {"timestamp", at(10)},
                                                {"latitude", location.latitude},
                                                {"longitude", 13.0},
                                                {"received_at", at(11)}}));
  EXPECT_EQ(document.position, 0u);
  EXPECT_EQ(documents_.all("order").at("A").shown, (std::vector<Shown>{{"order_id", "A"},
                                                                       {"deliverer_id", int64_t{17}},
                                                                       {"state", "start"},
                                                                       {"timestamp", at(10)},
                                                                       {"latitude", location.latitude},
                                                                       {"longitude", 13.0},
                                                                       {"updated_at", at(11)}}));
  EXPECT_EQ(documents_.all("deliverer").at("17").shown.size(), 5u);
}

TEST(DocumentBatchBytes, are_read_back_and_others_are_corrupt) {
  Changes changes;
  changes[1]["a"] = "value";
  changes[1]["b"] = std::nullopt;
  changes[15][""] = "";
  const std::string bytes = encode_changes(changes);
  EXPECT_EQ(checked(decode_changes(bytes)), changes);
  for (size_t length = 1; length < bytes.size(); ++length)
    if (const auto cut = decode_changes(bytes.substr(0, length)); cut) {
      EXPECT_NE(*cut, changes);
    } else {
      EXPECT_EQ(cut.error().code, Code::corrupt);
    }
  EXPECT_EQ(decode_changes(std::string("\x7f\0\0\0", 4)).error().code, Code::corrupt);
  EXPECT_EQ(decode_state("").error().code, Code::corrupt);
  EXPECT_EQ(decode_state(std::string(1, 9) + encode_state({.owner = 1})).error().code, Code::invalid);
}

// From the watermark to the end; opened anew where it has to be.
void carry(SimulatedDocuments& documents, std::unique_ptr<Store>& store, const std::vector<Entry>& log) {
  constexpr uint64_t batch = 30;
  for (int tries = 0; tries < tries_max; ++tries) {
    if (!store) {
      auto opened = open_on(documents, {.owner = test_owner});
      if (!opened) {
        EXPECT_EQ(opened.error().code, Code::unavailable) << opened.error().message;
        continue;
      }
      store = std::move(*opened);
    }
    Result<void> done;
    for (uint64_t from = store->watermarks().visible; done && from < log.size(); from = store->watermarks().visible)
      done = store->put(journal, std::span(log).subspan(from, std::min<uint64_t>(batch, log.size() - from)));
    if (done) done = store->flush();
    if (done) return;
    EXPECT_EQ(done.error().code, Code::unavailable) << done.error().message;
  }
  ADD_FAILURE() << "it does not come to an end";
}

TEST(DocumentFaults, any_call_may_fail_come_late_or_twice_and_the_store_is_the_same) {
  Random random(1);
  std::vector<Entry> log;
  while (log.size() < 150) log.push_back(random_entry(random, log.size()));
  const auto memory = checked(open_memory_store());
  ASSERT_TRUE(memory->put(journal, log));
  const std::string expected = everything_of(*memory);
  for (const Trouble trouble : {Trouble::not_done, Trouble::done, Trouble::half, Trouble::late, Trouble::twice}) {
    for (const bool opened_anew : {false, true}) {
      bool met = true;
      for (uint64_t n = 1; met && !testing::Test::HasFailure(); n += n < 40 ? 1 : 7) {
        SCOPED_TRACE("call " + std::to_string(n) + ", trouble " + std::to_string(static_cast<int>(trouble)));
        DocumentsGround ground;
        ground.documents.trouble_at(n, trouble);
        std::unique_ptr<Store> store;
        if (opened_anew) {
          if (auto opened = ground.open()) {
            store = std::move(*opened);
            for (uint64_t from = 0; from < log.size() && ground.documents.calls() < n; from += 10)
              if (!store->put(journal, std::span(log).subspan(from, 10))) break;
          }
          store.reset();
        }
        met = false;
        carry(ground.documents, store, log);
        met = ground.documents.calls() >= n;
        ground.documents.trouble_at(0, Trouble::none);
        EXPECT_EQ(everything_of(*store), expected);
        store.reset();
        EXPECT_EQ(everything_of(*checked(ground.open())), expected);
      }
    }
  }
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(SimulatedDocuments, StoreContract, testing::Values(&make_documents_ground));

}  // namespace waybill::store
