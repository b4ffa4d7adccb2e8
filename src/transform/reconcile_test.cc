#include "transform/reconcile.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <set>

#include "lake/bronze_rows.h"
#include "lake/layout.h"
#include "lake/local/local_objects.h"
#include "transform/duckdb_engine.h"

namespace waybill::transform {
namespace {

using namespace std::chrono_literals;

constexpr Time noon = std::chrono::sys_days(2026y / 11 / 29) + 12h;

class ReconcileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "waybill-reconcile-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    objects_ = *lake::open_local_objects({.folder = join_path(folder_, "lake")}, system_files());
    auto opened = open_duckdb_engine({.memory_mib_max = 128, .threads = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = std::move(*opened);
  }
  void TearDown() override { ASSERT_TRUE(remove_with_content(system_files(), folder_)); }

  void put_raw(const std::string& key, const std::vector<int>& seconds, uint64_t changed) {
    lake::LocationRows rows;
    for (const int second : seconds) {
      Location location;
      location.deliverer = DelivererId("anna");
      location.fix_time = location.received_at = noon + std::chrono::seconds(second);
      rows.add({.epoch = 1, .partition = 0, .offset = offset_++}, location);
    }
    const std::string content = *rows.to_parquet();
    ASSERT_TRUE(objects_->put(key, as_bytes(content), lake::IfThere::conflict));
    lake_.files[key] = {.key = key,
                        .table = lake::table_name(lake::BronzeTable::deliverer_location),
                        .rows = seconds.size(),
                        .bytes = content.size(),
                        .crc32c = crc32c(as_bytes(content)),
                        .changed = changed,
                        .dates = {lake::date_text(noon)}};
  }
  // Rows of treated.location, each with how often it came again.
  void put_treated(const std::string& key, const std::string& repeats) {
    const std::string path = join_path(folder_, "made.parquet");
    const auto rows = engine_->query_into(
        "SELECT DATE '2026-11-29' AS fix_date, CAST(n AS BIGINT) AS repeats FROM (VALUES " + repeats + ") AS made(n)",
        path, {});
    ASSERT_TRUE(rows) << rows.error().message;
    ASSERT_TRUE(objects_->put_file(key, path, lake::IfThere::conflict));
    ASSERT_TRUE(system_files().remove(path));
    lake_.files[key] = {.key = key, .table = "treated.location", .date = "2026-11-29", .rows = *rows, .changed = 8};
  }
  void made_of(uint64_t version) {
    lake_.properties["model.treated.location"] = R"({"version":)" + std::to_string(version) + R"(,"made_of":1})";
  }
  Reconciliation by_rows() {
    const auto loan = copies_->borrow(*objects_);
    auto result = reconcile_rows(lake_, *objects_, *loan, *engine_);
    EXPECT_TRUE(result) << result.error().message;
    return result.value_or(Reconciliation{});
  }

  std::string folder_;
  std::unique_ptr<lake::Objects> objects_;
  const std::unique_ptr<lake::Copies> copies_ = lake::no_copies();
  std::unique_ptr<Engine> engine_;
  lake::Snapshot lake_;
  uint64_t offset_ = 0;
};

TEST_F(ReconcileTest, each_location_once_with_its_repeats_agrees) {
  put_raw("a", {0, 1, 2, 1}, 3);
  put_raw("b", {1, 3}, 4);
  put_treated("treated", "(0), (2), (0), (0)");
  made_of(4);
  const Reconciliation result = by_rows();
  EXPECT_EQ(result.differences, std::vector<std::string>{});
  EXPECT_EQ(result.version, 4u);
  EXPECT_EQ(result.rows, 4u);
  EXPECT_EQ(result.dates, 1u);
  EXPECT_EQ(result.waiting, 0u);
}

TEST_F(ReconcileTest, a_location_that_is_missing_or_stands_twice_is_said) {
  put_raw("a", {0, 1, 2, 1}, 3);
  made_of(3);
  put_treated("missing", "(0), (1)");
  EXPECT_EQ(by_rows().differences,
            std::vector<std::string>{"2026-11-29: raw: 3 locations and 1 repeats; treated.location: 2 locations and 1 "
                                     "repeats"});
  put_treated("twice", "(0), (0)");
  EXPECT_EQ(by_rows().differences,
            std::vector<std::string>{"2026-11-29: raw: 3 locations and 1 repeats; treated.location: 4 locations and 1 "
                                     "repeats"});
}

TEST_F(ReconcileTest, the_catalog_alone_tells_of_dates_without_rows_and_of_too_many) {
  put_raw("a", {0, 1}, 3);
  EXPECT_FALSE(reconcile(lake_).version) << "it never was made";
  EXPECT_TRUE(reconcile(lake_).differences.empty());
  made_of(3);
  EXPECT_EQ(reconcile(lake_).differences.size(), 1u);
  put_treated("many", "(0), (0), (0)");
  EXPECT_EQ(reconcile(lake_).differences.size(), 1u);
}

TEST_F(ReconcileTest, a_date_to_which_something_came_since_is_not_compared_yet) {
  put_raw("a", {0, 1}, 3);
  put_raw("b", {2}, 9);
  put_treated("treated", "(0), (0)");
  made_of(4);
  const Reconciliation result = by_rows();
  EXPECT_TRUE(result.differences.empty());
  EXPECT_EQ(result.dates, 0u);
  EXPECT_EQ(result.waiting, 1u);
}

}  // namespace
}  // namespace waybill::transform
