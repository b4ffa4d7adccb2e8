#include <gtest/gtest.h>

#include "wire/tables_in.h"
#include "wire/track_out.h"

namespace waybill::wire {
namespace {

using Points = std::vector<std::string>;

TEST(Ride, a_gpx_is_of_whom_it_is_sent_for_and_of_its_tracks_name_where_nobody_is_said) {
  const std::string gpx =
      R"(<gpx><trk><name>ann</name><trkseg><trkpt lat="41.15" lon="-8.61"><ele>12</ele><time>2026-01-15T09:00:00Z</time>)"
      R"(<extensions><speed>3.5</speed></extensions></trkpt><trkpt lat="41.16" lon="-8.62"/></trkseg></trk></gpx>)";
  EXPECT_EQ(*gpx_ride_to_json(gpx, {.deliverer = "7", .order = "1001"}),
            (Points{R"({"order_id":"1001","deliverer_id":"7","latitude":41.15,"longitude":-8.61,)"
                    R"("timestamp":"2026-01-15T09:00:00Z","altitude":12,"speed":3.5})",
                    R"({"order_id":"1001","deliverer_id":"7","latitude":41.16,"longitude":-8.62})"}));
  EXPECT_TRUE(gpx_ride_to_json(gpx, {})->front().starts_with(R"({"deliverer_id":"ann",)"));
  EXPECT_TRUE(gpx_ride_to_json(gpx, {.order = "1001"})->front().starts_with(R"({"order_id":"1001","latitude")"));
  EXPECT_FALSE(gpx_ride_to_json("<kml/>", {}));
}

TEST(Ride, a_line_of_geojson_has_a_time_for_each_place) {
  const std::string line =
      R"({"type":"Feature","geometry":{"type":"LineString","coordinates":[[-8.61,41.15,12],[-8.62,41.16]]},)"
      R"("properties":{"name":"x","coordTimes":["2026-01-15T09:00:00Z"]}})";
  const Points expected = {R"({"deliverer_id":"7","longitude":-8.61,"latitude":41.15,"altitude":12,)"
                           R"("timestamp":"2026-01-15T09:00:00Z"})",
                           R"({"deliverer_id":"7","longitude":-8.62,"latitude":41.16})"};
  EXPECT_EQ(*geojson_ride_to_json(line, {.deliverer = "7", .order = {}}), expected);
  EXPECT_EQ(*geojson_ride_to_json(R"({"type":"FeatureCollection","features":[)" + line + "]}",
                                  {.deliverer = "7", .order = {}}),
            expected);
}

TEST(Ride, several_lines_and_points_of_geojson_are_read_too) {
  EXPECT_EQ(
      *geojson_ride_to_json(
          R"({"type":"Feature","geometry":{"type":"MultiLineString","coordinates":[[[1,2]],[[3,4]]]},)"
          R"("properties":{"order_id":17,"coordinateProperties":{"times":[["2026-01-15T09:00:00Z"],[1768467600]]}}})",
          {}),
      (Points{R"({"order_id":17,"longitude":1,"latitude":2,"timestamp":"2026-01-15T09:00:00Z"})",
              R"({"order_id":17,"longitude":3,"latitude":4,"timestamp":1768467600})"}));
  EXPECT_EQ(*geojson_ride_to_json(R"({"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},)"
                                  R"("properties":{"time":"2026-01-15T09:00:00Z","speed":3,"deliverer_id":7}})",
                                  {.deliverer = "9", .order = "a"}),
            (Points{R"({"order_id":"a","longitude":1,"latitude":2,"timestamp":"2026-01-15T09:00:00Z",)"
                    R"("time":"2026-01-15T09:00:00Z","speed":3,"deliverer_id":7})"}));
}

TEST(Ride, what_is_no_ride_is_refused) {
  for (const char* text : {"", "7", "{}", R"({"type":"Polygon","coordinates":[]})", R"({"type":"FeatureCollection"})",
                           R"({"type":"FeatureCollection","features":[7]})", R"({"type":"Feature","properties":{}})"})
    EXPECT_FALSE(geojson_ride_to_json(text, {})) << text;
  EXPECT_TRUE(geojson_ride_to_json(R"({"type":"Feature","geometry":null,"properties":{}})", {})->empty());
}

TEST(Ride, a_track_that_we_wrote_is_a_ride_again) {
  Location first;
  first.fix_time = at_us(1'768'467'600'000'000);
  first.fix_form = {.digits = 0, .naive = false};
  first.latitude = 41.15;
  first.longitude = -8.61;
  Location second = first;
  second.fix_time += std::chrono::minutes(1);
  const std::vector<Location> track = {first, second};
  EXPECT_EQ(geojson_ride_to_json(track_geojson("o", track), {})->size(), 2u);
  EXPECT_EQ(gpx_ride_to_json(track_gpx("o", track), {})->size(), 2u);
  EXPECT_EQ(geojson_ride_to_json(track_geojson("o", std::span(track).first(1)), {})->size(), 1u);
}

}  // namespace
}  // namespace waybill::wire
