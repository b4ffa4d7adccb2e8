#include "serve/parameters.h"

#include <array>
#include <charconv>

#include "wire/time_text.h"

namespace waybill::serve {

std::optional<Time> Parameters::time(std::string_view name, Duration naive_offset) const {
  const auto given = request_.query_value(name);
  if (!given) return std::nullopt;
  std::string text = *given;
  // A + that was not written as %2B comes as a space: "2024-01-15T09:00:00 01:00".
  constexpr size_t offset_length = 6;
  constexpr size_t time_length_min = 19;
  if (text.size() >= time_length_min + offset_length && text[text.size() - offset_length] == ' ')
    text[text.size() - offset_length] = '+';
  if (auto parsed = wire::parse_time(text, naive_offset)) return parsed->time;
  double epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error == std::errc() && end == text.data() + text.size())
    if (auto parsed = wire::parse_epoch(epoch)) return parsed->time;
  refuse(name, "a time such as 2024-01-15T09:00:00Z, or seconds since 1970");
  return std::nullopt;
}

std::optional<OrderState> Parameters::order_state(std::string_view name) const {
  const auto given = request_.query_value(name);
  if (!given) return std::nullopt;
  const auto state = parse_order_state(*given);
  if (!state) refuse(name, "one of open start on_the_way arrived closed cancelled");
  return state;
}

std::optional<Box> Parameters::box(std::string_view name) const {
  const auto given = request_.query_value(name);
  if (!given) return std::nullopt;
  std::array<double, 4> sides{};
  const char* at = given->data();
  const char* const end = at + given->size();
  bool good = true;
  for (size_t i = 0; i < sides.size() && good; ++i) {
    const auto [next, error] = std::from_chars(at, end, sides[i]);
    const bool last = i + 1 == sides.size();
    good = error == std::errc() && (last ? next == end : next != end && *next == ',');
    at = last ? next : next + 1;
  }
  const Box box{
      .min_longitude = sides[0], .min_latitude = sides[1], .max_longitude = sides[2], .max_latitude = sides[3]};
  // Written so that NaN, which from_chars reads too, is refused.
  const auto within = [](double value, double most) { return value >= -most && value <= most; };
  good = good && within(box.min_longitude, 180) && within(box.max_longitude, 180) && within(box.min_latitude, 90) &&
         within(box.max_latitude, 90) && box.min_latitude <= box.max_latitude;
  if (good) return box;
  refuse(name, "minLon,minLat,maxLon,maxLat in degrees, as -8.7,41.1,-8.5,41.2");
  return std::nullopt;
}

size_t Parameters::count(std::string_view name, size_t otherwise, size_t most) const {
  const auto given = request_.query_value(name);
  if (!given) return otherwise;
  size_t value = 0;
  const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), value);
  if (error == std::errc() && end == given->data() + given->size() && value >= 1 && value <= most) return value;
  refuse(name, "a whole number from 1 to " + std::to_string(most));
  return otherwise;
}

}  // namespace waybill::serve
