// domain/id.h — names that people and systems give to orders and deliverers.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <utility>

namespace waybill {

// 1 … id_bytes_max bytes of UTF-8 without control characters. `integer` remembers that it was sent as a JSON number, so
// that it goes back as one; it is not part of the name: order 17 and order "17" are the same order.
template <class Tag>
struct Id {
  std::string text;
  bool integer = false;

  Id() = default;
  explicit Id(std::string name, bool as_integer = false) : text(std::move(name)), integer(as_integer) {}

  bool operator==(const Id& other) const { return text == other.text; }
  std::strong_ordering operator<=>(const Id& other) const { return text <=> other.text; }
};

using OrderId = Id<struct OrderTag>;
using DelivererId = Id<struct DelivererTag>;

inline constexpr size_t id_bytes_max = 128;  // a longer id makes its item invalid

}  // namespace waybill
