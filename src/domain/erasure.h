// domain/erasure.h — whose data is to go for good: a deliverer's or an order's, known by a hash of the name only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/location.h"

namespace waybill {

struct Erasure {
  enum class Kind : uint8_t { deliverer, order };
  Kind kind = Kind::deliverer;
  Hash128 name;  // wire/erased_names.h
  Time at{};  // our clock
  std::string by;  // who asked for it

  bool operator==(const Erasure&) const = default;
};

std::string_view to_string(Erasure::Kind kind);
std::optional<Erasure::Kind> parse_erasure_kind(std::string_view text);

}  // namespace waybill
