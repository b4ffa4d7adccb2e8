#include "wire/track_out.h"

#include <gtest/gtest.h>

namespace waybill::wire {
namespace {

Location fix(double latitude, double longitude, int minute) {
  Location location;
  location.order = OrderId("a,\"b\"");
  location.deliverer = DelivererId("7", true);
  location.state = DeliveryState::on_the_way;
  location.fix_time = at_us(1'705'309'200'000'000) + std::chrono::minutes(minute);
  location.fix_form = {.digits = 0, .naive = false};
  location.received_at = location.fix_time;
  location.latitude = latitude;
  location.longitude = longitude;
  return location;
}

TEST(TrackOut, writes_geojson_with_longitude_first_and_the_times_beside) {
  EXPECT_EQ(track_geojson("o1", std::vector{fix(41.15, -8.61, 0), fix(41.16, -8.62, 1)}),
            R"({"type":"Feature","geometry":{"type":"LineString","coordinates":[[-8.61,41.15],[-8.62,41.16]]},)"
            R"("properties":{"name":"o1","coordTimes":["2024-01-15T09:00:00Z","2024-01-15T09:01:00Z"]}})");
}

TEST(TrackOut, writes_a_point_for_one_location_and_no_geometry_for_none) {
  EXPECT_NE(
      track_geojson("o1", std::vector{fix(41.15, -8.61, 0)}).find(R"("type":"Point","coordinates":[-8.61,41.15])"),
      std::string::npos);
  EXPECT_NE(track_geojson("o1", {}).find(R"("geometry":null)"), std::string::npos);
}

TEST(TrackOut, begins_a_new_gpx_segment_after_a_gap) {
  const std::string gpx =
      track_gpx("<o&1>", std::vector{fix(41.15, -8.61, 0), fix(41.16, -8.62, 5), fix(41.17, -8.63, 11)});
  size_t segments = 0;
  for (size_t at = gpx.find("<trkseg>"); at != std::string::npos; at = gpx.find("<trkseg>", at + 1)) ++segments;
  EXPECT_EQ(segments, 2u);
  EXPECT_NE(gpx.find("&lt;o&amp;1&gt;"), std::string::npos);
  EXPECT_NE(gpx.find(R"(<trkpt lat="41.15" lon="-8.61">)"), std::string::npos);
}

TEST(TrackOut, quotes_csv_fields_that_need_it) {
  const std::string csv = track_csv(std::vector{fix(41.15, -8.61, 0)});
  EXPECT_NE(csv.find("\r\n\"a,\"\"b\"\"\",7,on_the_way,2024-01-15T09:00:00Z,41.15,-8.61,,,,,,"), std::string::npos);
}

}  // namespace
}  // namespace waybill::wire
