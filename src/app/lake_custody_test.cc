#include "app/lake_custody.h"

#include <gtest/gtest.h>

#include "lake/layout.h"

namespace waybill::app {
namespace {

using What = serve::LakePlace::What;
using Raw = serve::LakeCustody::Raw;

const Time noon = at_us(1'764'417'600'000'000);  // 2025-11-29T12:00:00Z

// Positions 100 … 299 are in the lake: locations by two commits, a command by the first.
lake::Snapshot a_lake() {
  lake::Snapshot lake{.version = 9};
  lake.watermarks[0] = {.epoch = 1, .begin = 100, .end = 300};
  const auto add = [&](std::string key, std::string table, uint64_t from, uint64_t to, uint64_t changed) {
    lake.files[key] = {.key = key,
                       .table = std::move(table),
                       .rows = to - from,
                       .changed = changed,
                       .dates = {"2025-11-28", "2025-11-29"},
                       .from = Position{.epoch = 1, .partition = 0, .offset = from},
                       .to = to};
  };
  add("first", "raw.deliverer_location", 100, 200, 3);
  add("commands", "raw.order_command", 100, 200, 3);
  add("second", "raw.deliverer_location", 200, 300, 7);
  return lake;
}

serve::LakePlace location_at(uint64_t offset) { return {.offset = offset, .what = What::location, .fix_time = noon}; }

std::vector<std::string> files(const serve::LakeCustody& custody) {
  std::vector<std::string> keys;
  for (const auto& file : custody.files) keys.push_back(file.key);
  return keys;
}

using Keys = std::vector<std::string>;

TEST(LakeCustody, a_position_is_before_the_lake_in_it_or_waits_for_it) {
  EXPECT_EQ(custody_in(a_lake(), 0, location_at(99)).raw, Raw::before);
  EXPECT_EQ(custody_in(a_lake(), 0, location_at(100)).raw, Raw::taken);
  EXPECT_EQ(custody_in(a_lake(), 0, location_at(299)).raw, Raw::taken);
  EXPECT_EQ(custody_in(a_lake(), 0, location_at(300)).raw, Raw::waiting);
  EXPECT_EQ(custody_in(a_lake(), 1, location_at(150)).raw, Raw::waiting) << "another partition";
  EXPECT_EQ(custody_in({}, 0, location_at(0)).raw, Raw::waiting);
}

TEST(LakeCustody, the_file_of_its_table_is_named_with_the_version_that_brought_it) {
  const auto custody = custody_in(a_lake(), 0, location_at(200));
  EXPECT_EQ(files(custody), Keys{"second"});
  EXPECT_EQ(custody.files[0].version, 7u);
  EXPECT_EQ(files(custody_in(a_lake(), 0, {.offset = 150, .what = What::command})), Keys{"commands"});
  EXPECT_EQ(files(custody_in(a_lake(), 0, {.offset = 150, .what = What::other})), Keys{});
  EXPECT_EQ(files(custody_in(a_lake(), 0, {.offset = 150})), (Keys{"commands", "first"}))
      << "what it was is not known any more";
}

TEST(LakeCustody, it_is_treated_when_its_date_was_made_of_a_version_that_has_it) {
  lake::Snapshot lake = a_lake();
  EXPECT_FALSE(custody_in(lake, 0, location_at(150)).treated.at(0).made);
  lake.properties["model.treated.location"] = R"({"version":6,"made_of":1})";
  const auto older = custody_in(lake, 0, location_at(150));
  ASSERT_EQ(older.treated.size(), 1u);
  EXPECT_EQ(older.treated[0].date, "2025-11-29");
  EXPECT_TRUE(older.treated[0].made);
  EXPECT_EQ(older.treated_version, 6u);
  EXPECT_FALSE(custody_in(lake, 0, location_at(250)).treated.at(0).made) << "the file came with version 7";
  lake.properties["model.treated.location"] = R"({"version":7,"made_of":1})";
  EXPECT_TRUE(custody_in(lake, 0, location_at(250)).treated.at(0).made);
  EXPECT_TRUE(custody_in(lake, 0, {.offset = 150, .what = What::command}).treated.empty());
  EXPECT_EQ(custody_in(lake, 0, {.offset = 150}).treated.size(), 2u) << "either date of the file may be its own";
}

TEST(LakeCustody, rows_wait_for_treatment_that_came_after_it) {
  lake::Snapshot lake = a_lake();
  EXPECT_EQ(rows_not_treated(lake), 200u);
  lake.properties["model.treated.location"] = R"({"version":6,"made_of":1})";
  EXPECT_EQ(rows_not_treated(lake), 100u);
  lake.properties["model.treated.location"] = R"({"version":9,"made_of":1})";
  EXPECT_EQ(rows_not_treated(lake), 0u);
}

}  // namespace
}  // namespace waybill::app
