#include "lake/layout.h"

#include <gtest/gtest.h>

#include "lake/objects.h"

namespace waybill::lake {
namespace {

TEST(Layout, a_bronze_key_names_table_hour_positions_and_generation) {
  using namespace std::chrono_literals;
  const Time received = std::chrono::sys_days(2026y / 11 / 29) + 3h + 59min + 59s + 999999us;
  EXPECT_EQ(bronze_key(BronzeTable::deliverer_location, ingest_hour(received),
                       {.epoch = 2, .partition = 1, .offset = 7}, 42, 3),
            "raw/internal/deliverer_data/deliverer_location/date=2026-11-29/hour=03/part-2-1-7-42-g3.parquet");
}

TEST(Layout, an_hour_before_1970_is_of_its_own_day) {
  EXPECT_EQ(ingest_hour(at_us(-1)), (IngestHour{.date = "1969-12-31", .hour = 23}));
}

TEST(Objects, a_key_has_no_empty_part_and_climbs_nowhere) {
  EXPECT_TRUE(is_key("catalog/version-1.json"));
  EXPECT_TRUE(is_key("raw/date=2026-11-29/part-1.parquet"));
  for (const char* wrong : {"", "/", "a/", "/a", "a//b", ".", "a/../b", "a/./b", "a b", "a\\b", "caf\xc3\xa9"})
    EXPECT_FALSE(is_key(wrong)) << wrong;
  const std::string longest_part(key_part_bytes_max, 'a');
  EXPECT_TRUE(is_key(longest_part));
  EXPECT_FALSE(is_key(longest_part + "a"));
  std::string longest = longest_part + "/" + longest_part + "/" + longest_part + "/";
  longest += std::string(key_bytes_max - longest.size(), 'a');
  EXPECT_TRUE(is_key(longest));
  EXPECT_FALSE(is_key(longest + "a"));
}

}  // namespace
}  // namespace waybill::lake
