// wire/location_fields.h — the fields of a location in JSON, by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace waybill::wire {

enum class LocationField : uint8_t {
  order_id,
  deliverer_id,
  delivery_state,
  latitude,
  longitude,
  timestamp,
  speed,
  accuracy,
  altitude,
  heading,
  sent_at,
  event_id,
  none  // a field that is not ours
};

inline constexpr size_t location_fields = static_cast<size_t>(LocationField::none);
inline constexpr std::array<std::string_view, location_fields> location_field_names = {
    "order_id", "deliverer_id", "delivery_state", "latitude", "longitude", "timestamp",
    "speed",    "accuracy",     "altitude",       "heading",  "sent_at",   "event_id"};
constexpr std::string_view name_of(LocationField field) { return location_field_names[static_cast<size_t>(field)]; }

// Items of a body have their fields in the same order, so the search begins behind the field before.
inline LocationField location_field_of(std::string_view name, size_t& next) {
  for (size_t i = 0; i < location_fields; ++i, ++next) {
    if (next == location_fields) next = 0;
    if (location_field_names[next] == name) return static_cast<LocationField>(next++);
  }
  return LocationField::none;
}

// A set of fields, such as those that an item gives.
class LocationFieldSet {
 public:
  bool has(LocationField field) const { return (bits_ >> static_cast<unsigned>(field) & 1) != 0; }
  void add(LocationField field) { bits_ |= uint32_t{1} << static_cast<unsigned>(field); }
  // False where it was there already.
  bool add_new(LocationField field) {
    const bool is_new = !has(field);
    add(field);
    return is_new;
  }

 private:
  uint32_t bits_ = 0;
};

}  // namespace waybill::wire
