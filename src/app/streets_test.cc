#include "app/streets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "app/assets.h"

namespace waybill::app {
namespace {

std::string feature(const std::string& properties, const std::string& coordinates) {
  return R"({"type":"Feature","properties":{)" + properties + R"(},"geometry":{"type":"LineString","coordinates":)" +
         coordinates + "}}";
}

std::string collection(const std::vector<std::string>& features) {
  std::string text = R"({"type":"FeatureCollection","attribution":"who made it","features":[)";
  for (size_t i = 0; i < features.size(); ++i) text += (i > 0 ? "," : "") + features[i];
  return text + "]}";
}

// A square of one-way streets: 1 → 2 → 3 → 4 → 1, about 100 m a side.
std::string square() {
  return collection({feature(R"("k":"road","a":1,"b":2,"o":1)", "[[0,0],[0.0009,0]]"),
                     feature(R"("k":"road","a":2,"b":3,"o":1)", "[[0.0009,0],[0.0009,0.0009]]"),
                     feature(R"("k":"road","a":3,"b":4,"o":1)", "[[0.0009,0.0009],[0,0.0009]]"),
                     feature(R"("k":"road","a":4,"b":1,"o":1)", "[[0,0.0009],[0,0]]")});
}

// Metres from the point to the nearest place of the drive's edge, on a plane: exact enough for a street.
double from_edge_m(const Streets& streets, const Drive& drive) {
  const Streets::Edge& edge = streets.edges()[drive.edge()];
  const Point* points = streets.points_of(edge);
  const Point at = drive.at();
  double nearest = 1e9;
  for (uint32_t i = 0; i + 1 < edge.points; ++i) {
    const double narrow = std::cos(at.latitude * M_PI / 180), metres = 111'195;
    const double ax = (points[i].longitude - at.longitude) * narrow, ay = points[i].latitude - at.latitude;
    const double bx = (points[i + 1].longitude - at.longitude) * narrow, by = points[i + 1].latitude - at.latitude;
    const double dx = bx - ax, dy = by - ay, square_of = dx * dx + dy * dy;
    const double share = square_of > 0 ? std::clamp(-(ax * dx + ay * dy) / square_of, 0.0, 1.0) : 0;
    nearest = std::min(nearest, std::hypot(ax + share * dx, ay + share * dy) * metres);
  }
  return nearest;
}

TEST(Streets, the_built_in_ones_are_porto_and_all_of_a_piece) {
  const auto streets = unpack_streets({});
  ASSERT_TRUE(streets) << streets.error().message;
  EXPECT_EQ(streets->attribution(), porto_streets_attribution);
  EXPECT_GT(streets->junctions(), 5'000u);
  EXPECT_GT(streets->length_m(), 850'000);
  EXPECT_LT(streets->length_m(), 1'000'000);
  for (uint32_t i = 0; i < streets->junctions(); ++i) EXPECT_LT(streets->first_out(i), streets->first_out(i + 1));
}

TEST(Streets, edges_are_filed_under_the_junction_where_they_begin) {
  const auto streets = unpack_streets({});
  ASSERT_TRUE(streets);
  for (uint32_t junction = 0; junction < streets->junctions(); ++junction)
    for (uint32_t i = streets->first_out(junction); i < streets->first_out(junction + 1); ++i)
      ASSERT_EQ(streets->edges()[i].from, junction);
}

TEST(Streets, a_two_way_street_can_be_driven_both_ways_whether_given_once_or_twice) {
  const std::string there = feature(R"("a":1,"b":2,"o":0)", "[[0,0],[0.0009,0]]");
  const std::string back = feature(R"("a":2,"b":1,"o":0)", "[[0.0009,0],[0,0]]");
  EXPECT_EQ(read_streets(collection({there}))->edges().size(), 2u);
  EXPECT_EQ(read_streets(collection({there, back}))->edges().size(), 2u);
}

TEST(Streets, leaves_out_what_one_cannot_come_back_from) {
  std::string with_end = square();
  with_end.replace(with_end.rfind("]}"), 2, "," + feature(R"("a":1,"b":9,"o":1)", "[[0,0],[0,-0.0009]]") + "]}");
  const auto streets = read_streets(with_end);
  ASSERT_TRUE(streets);
  EXPECT_EQ(streets->junctions(), 4u);
  EXPECT_EQ(streets->edges().size(), 4u);
}

TEST(Streets, without_node_ids_lines_meet_where_they_share_a_point) {
  const auto streets = read_streets(collection({feature(R"("k":"road")", "[[0,0],[0.001,0],[0.002,0]]"),
                                                feature(R"("k":"road")", "[[0.001,0],[0.001,0.001]]"),
                                                feature(R"("k":"water")", "[[0,0],[0,0.001]]")}));
  ASSERT_TRUE(streets);
  EXPECT_EQ(streets->junctions(), 4u);
  EXPECT_EQ(streets->edges().size(), 6u);
}

TEST(Streets, refuses_what_is_not_streets) {
  for (const std::string text : {"", "{", "[]", "{}", R"({"features":[]})", R"({"features":[1,{"geometry":7}]})"})
    EXPECT_EQ(read_streets(text).error().code, Code::invalid) << text;
  EXPECT_EQ(read_streets(collection({feature("\"a\":1,\"b\":2", "[[0,0],[\"x\",0]]")})).error().code, Code::invalid);
  EXPECT_EQ(read_streets(collection({feature("\"a\":1,\"b\":2", "[[0,0],[0,0]]")})).error().code, Code::invalid);
  EXPECT_FALSE(unpack_streets(std::string("\x1f\x8b") + "damaged"));
}

TEST(Drive, goes_round_a_square_and_is_where_the_distance_says) {
  const auto streets = read_streets(square());
  ASSERT_TRUE(streets);
  Random random(1);
  Drive drive(*streets, random);
  const Point start = drive.at();
  drive.advance(streets->length_m(), random);
  EXPECT_LT(distance_m(start, drive.at()), 0.01);
  drive.advance(streets->length_m() / 2, random);
  EXPECT_GT(distance_m(start, drive.at()), 99);
}

TEST(Drive, stays_on_the_streets_and_never_moves_further_than_it_drove) {
  const auto streets = unpack_streets({});
  ASSERT_TRUE(streets);
  constexpr uint64_t seed = 20240115;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int courier = 0; courier < 20; ++courier) {
    Drive drive(*streets, random);
    for (int step = 0; step < 300; ++step) {
      const Point before = drive.at();
      const double metres = 120 * random.unit();
      drive.advance(metres, random);
      ASSERT_LE(distance_m(before, drive.at()), metres + 0.05);
      ASSERT_LT(from_edge_m(*streets, drive), 0.1);
      ASSERT_GE(drive.heading(), 0);
      ASSERT_LE(drive.heading(), 360);
    }
  }
}

TEST(Drive, gets_around_and_seldom_turns_round) {
  const auto streets = unpack_streets({});
  ASSERT_TRUE(streets);
  constexpr uint64_t seed = 5;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  Drive drive(*streets, random);
  std::set<uint32_t> edges;
  int turned = 0, changed = 0;
  for (int step = 0; step < 5000; ++step) {
    const Streets::Edge before = streets->edges()[drive.edge()];
    const uint32_t edge = drive.edge();
    drive.advance(20, random);
    if (drive.edge() == edge) continue;
    ++changed;
    edges.insert(drive.edge());
    const Streets::Edge& now = streets->edges()[drive.edge()];
    turned += now.from == before.to && now.to == before.from ? 1 : 0;
  }
  EXPECT_GT(edges.size(), 300u);
  EXPECT_LT(turned * 10, changed);
}

}  // namespace
}  // namespace waybill::app
