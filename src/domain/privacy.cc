#include "domain/privacy.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace waybill {

Sight sight_of(const PrivacyRule& rule, const Order& order, const WayLeft& left) {
  const OrderState state = order.state();
  if (state == OrderState::closed || state == OrderState::cancelled) return Sight::nothing;
  if (!rule.stops_max && !rule.metres_max && !rule.minutes_max) return Sight::exact;
  const bool near = (rule.stops_max && left.stops_before <= *rule.stops_max) ||
                    (rule.metres_max && left.metres && *left.metres <= *rule.metres_max) ||
                    (rule.minutes_max && left.minutes && *left.minutes <= *rule.minutes_max);
  return near ? Sight::exact : Sight::area;
}

bool within_its_time(const PrivacyRule& rule, const Order& order, Time now) {
  switch (order.state()) {
    case OrderState::closed: return !order.closed_at || now < *order.closed_at + rule.after_close;
    case OrderState::cancelled: return !order.cancelled_at || now < *order.cancelled_at + rule.after_close;
    default: return true;
  }
}

Point area_centre(const Point& place, double area_m) {
  // Squares that fit into the circle: half a diagonal is the radius. As wide in metres at every latitude.
  const double side_m = std::max(1.0, area_m) * std::numbers::sqrt2;
  const double metre_deg = 180 / (std::numbers::pi * earth_radius_m);
  const double step = side_m * metre_deg;
  const auto centre = [](double value, double grid) { return (std::floor(value / grid) + 0.5) * grid; };
  const double latitude = std::clamp(centre(place.latitude, step), -90.0, 90.0);
  const double shrink = std::max(0.01, std::cos(latitude * std::numbers::pi / 180));
  return {.latitude = latitude, .longitude = std::clamp(centre(place.longitude, step / shrink), -180.0, 180.0)};
}

std::optional<double> minutes_left(double metres, std::span<const Location> recent) {
  std::vector<double> speeds;
  for (size_t i = 1; i < recent.size(); ++i) {
    const double seconds = std::chrono::duration<double>(recent[i].fix_time - recent[i - 1].fix_time).count();
    if (seconds <= 0) continue;
    speeds.push_back(
        distance_m({recent[i - 1].latitude, recent[i - 1].longitude}, {recent[i].latitude, recent[i].longitude}) /
        seconds);
  }
  if (speeds.empty()) return std::nullopt;
  const auto middle = speeds.begin() + static_cast<std::ptrdiff_t>(speeds.size() / 2);
  std::ranges::nth_element(speeds, middle);
  constexpr double moving_mps_min = 0.5;
  if (*middle < moving_mps_min) return std::nullopt;
  return metres / *middle / 60;
}

}  // namespace waybill
