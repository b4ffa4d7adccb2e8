#include "domain/geo.h"

#include <algorithm>
#include <cmath>

namespace waybill {
namespace {

constexpr double radians = std::numbers::pi / 180;

}  // namespace

double distance_m(const Point& a, const Point& b) {
  const double half_north = std::sin((b.latitude - a.latitude) * radians / 2);
  const double half_east = std::sin((b.longitude - a.longitude) * radians / 2);
  const double h =
      half_north * half_north + std::cos(a.latitude * radians) * std::cos(b.latitude * radians) * half_east * half_east;
  return 2 * earth_radius_m * std::asin(std::sqrt(std::min(1.0, h)));
}

Point moved(const Point& from, double heading, double metres) {
  const double angle = metres / earth_radius_m;
  const double north = from.latitude * radians;
  const double direction = heading * radians;
  const double latitude =
      std::asin(std::sin(north) * std::cos(angle) + std::cos(north) * std::sin(angle) * std::cos(direction));
  const double east = std::atan2(std::sin(direction) * std::sin(angle) * std::cos(north),
                                 std::cos(angle) - std::sin(north) * std::sin(latitude));
  double longitude = from.longitude + east / radians;
  if (longitude > 180) longitude -= 360;
  if (longitude < -180) longitude += 360;
  return {.latitude = latitude / radians, .longitude = longitude};
}

double heading_deg(const Point& a, const Point& b) {
  const double east = (b.longitude - a.longitude) * radians;
  const double y = std::sin(east) * std::cos(b.latitude * radians);
  const double x = std::cos(a.latitude * radians) * std::sin(b.latitude * radians) -
                   std::sin(a.latitude * radians) * std::cos(b.latitude * radians) * std::cos(east);
  const double heading = std::atan2(y, x) / radians;
  return heading < 0 ? heading + 360 : heading;
}

bool Box::contains(const Point& point) const {
  if (point.latitude < min_latitude || point.latitude > max_latitude) return false;
  if (min_longitude <= max_longitude) return point.longitude >= min_longitude && point.longitude <= max_longitude;
  return point.longitude >= min_longitude || point.longitude <= max_longitude;
}

}  // namespace waybill
