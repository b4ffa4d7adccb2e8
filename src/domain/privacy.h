// domain/privacy.h — how much of an order a customer sees: the exact place only when the courier is nearly there.
#pragma once

#include <optional>
#include <span>

#include "domain/geo.h"
#include "domain/order.h"

namespace waybill {

// The exact place is shown when any one of the conditions that are set holds; an area where none does. No condition: always exact.
struct PrivacyRule {
  std::optional<int64_t> stops_max;  // other orders of the deliverer that come before this one
  std::optional<double> metres_max;  // to the destination, great circle
  std::optional<double> minutes_max;  // to the destination, estimated
  double area_m = 1000;  // radius of the area, metres
  Duration trail = std::chrono::minutes(10);  // so much of the way that it came is shown with an exact place
  Duration after_close = std::chrono::hours(1);  // the order can be read so long after it was closed or cancelled
};

enum class Sight : uint8_t {
  nothing,  // the order's time is over, or it was delivered: no place at all
  area,
  exact,
};

// What is known of the way that is left; missing where it cannot be known.
struct WayLeft {
  int64_t stops_before = 0;  // an order without a sequence has none before it
  std::optional<double> metres;
  std::optional<double> minutes;
};

Sight sight_of(const PrivacyRule& rule, const Order& order, const WayLeft& left);

// Whether the order may be read at all: while it is open, and `after_close` longer.
bool within_its_time(const PrivacyRule& rule, const Order& order, Time now);

// The area that a place lies in: its centre stands on a grid, so that many places have the same one and none can be told.
Point area_centre(const Point& place, double area_m);

// Metres to the destination by the median speed of the last few minutes; nothing where the courier hardly moves.
// `recent`: oldest fix first.
std::optional<double> minutes_left(double metres, std::span<const Location> recent);

}  // namespace waybill
