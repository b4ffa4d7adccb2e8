#include "app/tiles.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"

namespace waybill::app {
namespace {

class TilesOfSettings : public testing::Test {
 protected:
  void write(std::string_view content) { ASSERT_TRUE(write_file_atomically(*files_, "city.pmtiles", content)); }
  Result<serve::TileArchive> open(std::string tiles) {
    Config config;
    config.map_tiles = std::move(tiles);
    return open_tiles(config, *files_);
  }

  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
};

TEST_F(TilesOfSettings, without_one_the_streets_that_come_along_are_shown) {
  const auto tiles = open("");
  ASSERT_TRUE(tiles);
  EXPECT_EQ(*tiles->read(0, 8), "PMTiles\x03");
  EXPECT_GT(tiles->size, 100'000U);
}

TEST_F(TilesOfSettings, an_archive_that_is_named_is_read_from_its_file) {
  write("PMTiles\x03 and so on");
  const auto tiles = open("city.pmtiles");
  ASSERT_TRUE(tiles) << tiles.error().message;
  EXPECT_EQ(tiles->size, 18U);
  EXPECT_EQ(*tiles->read(9, 3), "and");
  write("PMTiles\x03 otherwise");
  EXPECT_NE(open("city.pmtiles")->tag, tiles->tag);
}

TEST_F(TilesOfSettings, what_is_none_is_refused_at_the_start) {
  const auto missing = open("nowhere.pmtiles");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  write("PK\x03\x04");
  const auto other = open("city.pmtiles");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message, "map.tiles: city.pmtiles is no PMTiles archive of version 3");
}

}  // namespace
}  // namespace waybill::app
