// domain/geo.h — distances and boxes on the sphere.
#pragma once

#include <numbers>

namespace waybill {

struct Point {
  double latitude = 0;   // degrees
  double longitude = 0;  // degrees

  bool operator==(const Point&) const = default;
};

inline constexpr double earth_radius_m = 6371008.8;  // mean radius, IUGG

// Great-circle distance in metres (haversine).
double distance_m(const Point& a, const Point& b);

// The point `metres` from `from` in direction `heading_deg` (clockwise from north) along the great circle.
Point moved(const Point& from, double heading_deg, double metres);

// Initial heading from a to b, 0 … 360 degrees clockwise from north.
double heading_deg(const Point& a, const Point& b);

// min_longitude > max_longitude means the box crosses the date line.
struct Box {
  double min_longitude = -180, min_latitude = -90, max_longitude = 180, max_latitude = 90;

  bool contains(const Point& point) const;
  bool operator==(const Box&) const = default;
};

}  // namespace waybill
