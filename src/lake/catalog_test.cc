#include "lake/catalog.h"

#include <gtest/gtest.h>

#include "lake/catalog_text.h"
#include "lake/simulated_objects.h"

namespace waybill::lake {
namespace {

DataFile file(const std::string& key, uint64_t rows = 1) {
  return {.key = key, .table = "treated.location", .date = "2026-11-29", .rows = rows, .bytes = 10 * rows};
}

Ledger books(uint64_t from, uint64_t to) {
  Ledger ledger{.partition = 0, .from = from, .to = to};
  for (uint64_t i = from; i < to; ++i) ledger.by_kind[0].add(Hash128{.high = i, .low = ~i});
  return ledger;
}

class CatalogTest : public testing::Test {
 protected:
  std::unique_ptr<Catalog> open(CatalogOptions options = {}) {
    auto opened = open_catalog(objects, clock, options);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  // Bronze takes [from, to).
  Change bronze(uint64_t claim, uint64_t begin, uint64_t from, uint64_t to) {
    return {.role = "bronze",
            .claim = claim,
            .what = "bronze",
            .add = {file("raw/" + std::to_string(from) + ".parquet", to - from)},
            .watermarks = {{0, {.epoch = 1, .begin = begin, .end = to}}},
            .ledgers = {books(from, to)}};
  }

  SimulatedObjects objects;
  ManualClock clock{at_us(1'790'000'000'000'000)};
};

TEST_F(CatalogTest, an_empty_lake_is_version_nothing) {
  EXPECT_EQ(open()->now()->version, 0u);
  EXPECT_TRUE(open()->history(10)->empty());
}

TEST_F(CatalogTest, what_is_committed_is_read_by_another_process) {
  const auto writer = open();
  const auto reader = open();
  const uint64_t claim = *writer->claim("bronze");
  ASSERT_TRUE(writer->commit(bronze(claim, 5, 5, 9)));
  Change more = bronze(claim, 5, 9, 12);
  more.set = {{"note", "caf\xc3\xa9 \"x\""}};
  ASSERT_EQ(writer->commit(more), 3u);
  ASSERT_TRUE(reader->refresh());
  for (const auto& state : {reader->now(), open()->now(), writer->now()}) {
    EXPECT_EQ(state->version, 3u);
    EXPECT_EQ(state->made_at, clock.now());
    EXPECT_EQ(state->watermarks.at(0), (Watermark{.epoch = 1, .begin = 5, .end = 12}));
    EXPECT_EQ(state->ledgers.at({0, 0}), books(5, 12));
    EXPECT_EQ(state->properties.at("note"), "caf\xc3\xa9 \"x\"");
    ASSERT_EQ(state->files.size(), 2u);
    EXPECT_EQ(state->files.at("raw/9.parquet").changed, 3u);
    EXPECT_EQ(state->files.at("raw/9.parquet").rows, 3u);
  }
}

TEST_F(CatalogTest, a_file_keeps_everything_that_is_said_of_it) {
  DataFile all{.key = "raw/x.parquet",
               .table = "raw.deliverer_location",
               .date = "2026-11-29",
               .hour = 0,
               .rows = 7,
               .bytes = 1 << 20,
               .crc32c = 0xfedcba98,
               .changed = 1,
               .dates = {"1969-12-31", "2026-11-29"},
               .from = Position{.epoch = 3, .partition = 2, .offset = 1},
               .to = 9,
               .generation = 4,
               .ids = {.high = 1, .low = ~uint64_t{0}}};
  ASSERT_TRUE(open()->commit({.role = "x", .what = "x", .add = {all}}));
  EXPECT_EQ(open()->now()->files.at("raw/x.parquet"), all);
}

TEST_F(CatalogTest, a_lower_claim_changes_nothing) {
  const auto old = open();
  const auto other = open();
  const uint64_t claim = *old->claim("bronze");
  EXPECT_GT(*other->claim("bronze"), claim);
  const auto late = old->commit(bronze(claim, 0, 0, 4));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict);
  EXPECT_NE(late.error().message.find("taken over"), std::string::npos) << late.error().message;
  EXPECT_TRUE(open()->now()->files.empty());
  EXPECT_TRUE(old->commit({.role = "transform", .what = "another role"}));
}

TEST_F(CatalogTest, positions_are_taken_once_and_without_gaps) {
  const auto catalog = open();
  const uint64_t claim = *catalog->claim("bronze");
  ASSERT_TRUE(catalog->commit(bronze(claim, 0, 0, 4)));
  for (const auto& wrong : {bronze(claim, 0, 3, 6), bronze(claim, 0, 5, 6), bronze(claim, 0, 0, 4)})
    EXPECT_EQ(catalog->commit(wrong).error().code, Code::conflict);
  Change short_books = bronze(claim, 0, 4, 8);
  short_books.watermarks[0].end = 9;
  EXPECT_EQ(catalog->commit(short_books).error().code, Code::conflict);
  EXPECT_TRUE(catalog->commit(bronze(claim, 0, 4, 6)));
}

TEST_F(CatalogTest, a_file_is_replaced_in_one_commit_or_not_at_all) {
  const auto catalog = open();
  ASSERT_TRUE(catalog->commit({.role = "t", .what = "t", .add = {file("treated/1.parquet")}}));
  const auto wrong =
      catalog->commit({.role = "t", .what = "t", .add = {file("treated/2.parquet")}, .remove = {"treated/0.parquet"}});
  EXPECT_EQ(wrong.error().code, Code::conflict);
  EXPECT_FALSE(catalog->now()->files.contains("treated/2.parquet"));
  ASSERT_TRUE(
      catalog->commit({.role = "t", .what = "t", .add = {file("treated/2.parquet")}, .remove = {"treated/1.parquet"}}));
  EXPECT_EQ(catalog->now()->of_table("treated.location").size(), 1u);
}

TEST_F(CatalogTest, of_two_writers_at_once_one_is_first_and_the_other_follows) {
  const auto one = open();
  const auto other = open();
  objects.before_put_of("catalog/version-", [&] {
    ASSERT_TRUE(other->commit({.role = "t", .what = "quicker", .add = {file("treated/1.parquet")}}));
  });
  ASSERT_EQ(one->commit({.role = "u", .what = "slower", .add = {file("treated/2.parquet")}}), 2u);
  EXPECT_EQ(open()->now()->files.size(), 2u);
}

TEST_F(CatalogTest, a_commit_whose_answer_is_lost_happens_once) {
  const auto catalog = open();
  objects.fail_at(1, Lost::answer);
  EXPECT_EQ(catalog->commit({.role = "t", .what = "t", .add = {file("treated/1.parquet")}}), 1u);
  objects.fail_at(1, Lost::operation);
  const auto lost = catalog->commit({.role = "t", .what = "t", .add = {file("treated/2.parquet")}});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::unavailable);
  EXPECT_EQ(catalog->now()->files.size(), 1u);
  EXPECT_EQ(catalog->commit({.role = "t", .what = "t", .add = {file("treated/2.parquet")}}), 2u);
}

TEST_F(CatalogTest, the_newest_state_is_read_from_the_newest_checkpoint) {
  const auto catalog = open({.checkpoint_every = 4});
  const auto idle = open();
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(catalog->commit({.role = "t", .what = "t", .add = {file("treated/" + std::to_string(i))}}));
  ASSERT_TRUE(catalog->commit({.role = "t", .what = "t", .remove = {"treated/0"}}));
  EXPECT_EQ(objects.list("catalog/checkpoint-", {})->size(), 2u);
  for (uint64_t number = 1; number <= 8; ++number) ASSERT_TRUE(objects.remove(version_key(number)));
  EXPECT_EQ(open()->now()->files, catalog->now()->files);
  ASSERT_TRUE(idle->refresh());
  EXPECT_EQ(idle->now()->files, catalog->now()->files);
}

TEST_F(CatalogTest, a_damaged_version_is_told_and_not_passed_over) {
  ASSERT_TRUE(open()->commit({.role = "t", .what = "t"}));
  const size_t bytes = objects.get(version_key(1))->size();
  for (size_t byte = 0; byte < bytes; ++byte) {
    objects.flip_bit(version_key(1), byte);
    const auto opened = open_catalog(objects, clock);
    ASSERT_FALSE(opened) << byte;
    EXPECT_EQ(opened.error().code, Code::corrupt) << opened.error().message;
    EXPECT_NE(opened.error().message.find(version_key(1)), std::string::npos);
    objects.flip_bit(version_key(1), byte);
  }
  ASSERT_TRUE(open()->commit({.role = "t", .what = "t"}));
  ASSERT_TRUE(open()->commit({.role = "t", .what = "t"}));
  ASSERT_TRUE(objects.remove(version_key(2)));
  EXPECT_EQ(open_catalog(objects, clock).error().code, Code::corrupt);
}

TEST_F(CatalogTest, what_is_expired_goes_with_the_files_that_it_let_go) {
  const auto catalog = open();
  const auto put = [&](const std::string& key) { ASSERT_TRUE(objects.put(key, {}, IfThere::conflict)); };
  for (const char* key : {"treated/1", "treated/2", "treated/3", "treated/4"}) put(key);
  const auto replace = [&](const std::string& older, const std::string& newer) {
    ASSERT_TRUE(catalog->commit({.role = "t", .what = "t", .add = {file(newer)}, .remove = {older}}));
  };
  ASSERT_TRUE(catalog->commit({.role = "t", .what = "t", .add = {file("treated/1")}}));
  replace("treated/1", "treated/2");
  clock.advance(std::chrono::hours(1));
  const Time between = clock.now();
  replace("treated/2", "treated/3");
  EXPECT_EQ(catalog->expire(between), 1u);
  EXPECT_FALSE(objects.get("treated/1"));
  EXPECT_TRUE(objects.get("treated/2")) << "somebody may still read the version before";
  EXPECT_EQ(catalog->remove_unnamed("treated/"), 1u);
  EXPECT_FALSE(objects.get("treated/4")) << "no version named it";
  EXPECT_TRUE(objects.get("treated/2"));
  EXPECT_TRUE(objects.get("treated/3"));
  EXPECT_EQ(open()->now()->files, catalog->now()->files);
  EXPECT_EQ(catalog->history(10)->size(), 1u);
  ASSERT_TRUE(catalog->commit({.role = "t", .what = "t", .add = {file("treated/5")}}));
}

TEST_F(CatalogTest, whatever_fails_an_expired_state_is_whole) {
  for (uint64_t n = 1;; ++n) {
    SimulatedObjects fresh;
    const auto catalog = *open_catalog(fresh, clock);
    for (int i = 0; i < 4; ++i) {
      const std::string key = "treated/" + std::to_string(i);
      ASSERT_TRUE(fresh.put(key, {}, IfThere::conflict));
      Change change{.role = "t", .what = "t", .add = {file(key)}};
      if (i > 0) change.remove = {"treated/" + std::to_string(i - 1)};
      ASSERT_TRUE(catalog->commit(change));
    }
    ASSERT_TRUE(catalog->commit({.role = "t", .what = "the newest version stays"}));
    clock.advance(std::chrono::hours(1));
    fresh.fail_at(n, Lost::operation);
    const auto expired = catalog->expire(clock.now());
    fresh.fail_at(0, Lost::operation);
    EXPECT_EQ((*open_catalog(fresh, clock))->now()->files, catalog->now()->files);
    ASSERT_TRUE(catalog->expire(clock.now()));
    EXPECT_EQ(fresh.list("treated/", {})->size(), 1u);
    if (expired) break;
  }
}

TEST_F(CatalogTest, sums_are_told_where_the_books_have_them) {
  const auto catalog = open();
  const uint64_t claim = *catalog->claim("bronze");
  ASSERT_TRUE(catalog->commit(bronze(claim, 10, 10, store::ledger_span)));
  ASSERT_TRUE(catalog->commit(bronze(claim, 10, store::ledger_span, store::ledger_span + 7)));
  const auto state = catalog->now();
  EXPECT_EQ(state->sum(0, store::ledger_span, store::ledger_span + 7)->count, 7u);
  EXPECT_EQ(state->sum(0, 10, store::ledger_span + 7)->count, store::ledger_span - 3);
  EXPECT_FALSE(state->sum(0, 0, store::ledger_span)) << "the lake began later";
  EXPECT_FALSE(state->sum(0, store::ledger_span, store::ledger_span + 3));
  EXPECT_FALSE(state->sum(1, 10, store::ledger_span));
  EXPECT_EQ(state->sum(0, 10, 10)->count, 0u);
}

}  // namespace
}  // namespace waybill::lake
