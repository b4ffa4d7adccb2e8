#include "lake/identities.h"

#include <gtest/gtest.h>

#include "lake/bronze_rows.h"
#include "lake/layout.h"
#include "lake/simulated_objects.h"

namespace waybill::lake {
namespace {

using namespace std::chrono_literals;

constexpr Time midnight = std::chrono::sys_days(2026y / 11 / 29);

Location at(Time fix_time, double longitude = -8, const std::string& client_id = "") {
  Location location;
  location.deliverer = DelivererId("anna");
  location.fix_time = location.received_at = fix_time;
  location.latitude = 41;
  location.longitude = longitude;
  location.client_id = client_id;
  return location;
}

class IdentitiesTest : public testing::Test {
 protected:
  void put(const std::string& key, const std::vector<Location>& locations) {
    LocationRows rows;
    std::set<std::string> dates;
    uint64_t offset = 0;
    for (const Location& location : locations) {
      rows.add({.epoch = 1, .partition = 0, .offset = offset++}, location);
      dates.insert(date_text(location.fix_time));
    }
    const std::string content = *rows.to_parquet();
    ASSERT_TRUE(objects_.put(key, as_bytes(content), IfThere::replace));
    lake_.files[key] = {.key = key,
                        .table = table_name(BronzeTable::deliverer_location),
                        .rows = locations.size(),
                        .bytes = content.size(),
                        .crc32c = crc32c(as_bytes(content)),
                        .dates = {dates.begin(), dates.end()}};
  }

  SimulatedObjects objects_;
  Snapshot lake_;
};

using Counts = std::map<std::string, DateCount>;

TEST_F(IdentitiesTest, what_came_again_counts_once_of_each_date_also_from_another_file) {
  put("a", {at(midnight - 1s), at(midnight), at(midnight), at(midnight, -8.5), at(midnight, 0.0), at(midnight, -0.0)});
  put("b", {at(midnight), at(midnight + 24h)});
  const Counts expected = {{"2026-11-28", {.rows = 1, .identities = 1}}, {"2026-11-29", {.rows = 6, .identities = 3}}};
  for (const uint64_t at_once : {uint64_t{1}, identities_at_once_max})
    EXPECT_EQ(count_identities(lake_, objects_, {"2026-11-27", "2026-11-28", "2026-11-29"}, at_once).value(), expected)
        << at_once;
}

TEST_F(IdentitiesTest, an_own_id_counts_once_whatever_comes_with_it_but_on_each_date) {
  put("a", {at(midnight, -8, "x"), at(midnight + 1h, -9, "x"), at(midnight + 24h, -8, "x"), at(midnight, -8)});
  EXPECT_EQ(count_identities(lake_, objects_, {"2026-11-29", "2026-11-30"}).value(),
            (Counts{{"2026-11-29", {.rows = 3, .identities = 2}}, {"2026-11-30", {.rows = 1, .identities = 1}}}));
}

TEST_F(IdentitiesTest, a_file_that_is_not_what_was_written_is_not_counted) {
  put("a", {at(midnight)});
  objects_.flip_bit("a", 40);
  EXPECT_EQ(count_identities(lake_, objects_, {"2026-11-29"}).error().code, Code::corrupt);
}

}  // namespace
}  // namespace waybill::lake
