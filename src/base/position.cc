#include "base/position.h"

#include <charconv>

namespace waybill {

std::string to_string(const Position& position) {
  return std::to_string(position.epoch) + '-' + std::to_string(position.partition) + '-' +
         std::to_string(position.offset);
}

std::optional<Position> parse_position(std::string_view text) {
  Position position;
  const char* at = text.data();
  const char* end = at + text.size();
  auto number = [&](auto& into, bool last) {
    auto [next, error] = std::from_chars(at, end, into);
    if (error != std::errc() || next == at) return false;
    at = next;
    if (last) return at == end;
    return at != end && *at++ == '-';
  };
  if (!number(position.epoch, false) || !number(position.partition, false) || !number(position.offset, true))
    return std::nullopt;
  return position;
}

}  // namespace waybill
