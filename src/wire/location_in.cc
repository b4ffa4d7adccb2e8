#include <array>
#include <limits>

#include "wire/item_in.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

enum Field : size_t {
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
  field_count
};
constexpr std::array<std::string_view, field_count> names = {"order_id",  "deliverer_id", "delivery_state", "latitude",
                                                             "longitude", "timestamp",    "speed",          "accuracy",
                                                             "altitude",  "heading",      "sent_at",        "event_id"};
constexpr double unbounded = std::numeric_limits<double>::infinity();

// Items of a body have their fields in the same order, so the search begins behind the field before.
Field field_of(std::string_view name, size_t& next) {
  for (size_t i = 0; i < field_count; ++i, ++next) {
    if (next == field_count) next = 0;
    if (names[next] == name) return static_cast<Field>(next++);
  }
  return field_count;
}

bool read_field(Field field, std::string_view value, FieldReader& fields, Location& into) {
  const std::string_view name = names[field];
  switch (field) {
    case order_id: return fields.id(name, value, into.order);
    case deliverer_id: return fields.id(name, value, into.deliverer);
    case delivery_state: return fields.state(name, value, into.state);
    case latitude: return fields.number(name, value, -90, 90, into.latitude);
    case longitude: return fields.number(name, value, -180, 180, into.longitude);
    case timestamp: {
      ParsedTime time;
      if (!fields.time(name, value, time)) return false;
      into.fix_time = time.time;
      into.fix_form = time.form;
      return true;
    }
    case speed: return fields.number(name, value, 0, unbounded, into.speed_mps);
    case accuracy: return fields.number(name, value, 0, unbounded, into.accuracy_m);
    case altitude: return fields.number(name, value, -unbounded, unbounded, into.altitude_m);
    case heading: {
      if (!fields.number(name, value, 0, 360, into.heading_deg)) return false;
      if (into.heading_deg == 360) into.heading_deg = 0;
      return true;
    }
    case sent_at: return fields.time(name, value, into.sent_at);
    case event_id: {
      bool integer = false;
      return fields.id(name, value, into.client_id, integer);
    }
    case field_count: break;
  }
  return true;
}

bool check_required(uint32_t given, LocationNeeds needs, FieldReader& fields) {
  const auto has = [&](Field field) { return (given >> field & 1) != 0; };
  if (needs == LocationNeeds::order && !has(order_id)) return fields.missing(names[order_id]);
  if (!has(order_id) && !has(deliverer_id)) return fields.missing(names[deliverer_id]);
  for (const Field field : {latitude, longitude, timestamp})
    if (!has(field)) return fields.missing(names[field]);
  return true;
}

}  // namespace

bool read_location(std::string_view object, LocationNeeds needs, const InputOptions& options, size_t number,
                   FieldReader& fields, Location& into) {
  if (kind_of(object) != JsonKind::object) return fields.refuse("", "expected a JSON object");
  JsonWalk walk(object);
  std::string_view literal, value;
  uint32_t named = 0, given = 0;
  size_t next = 0;
  while (walk.next_member(literal, value)) {
    const std::optional<std::string_view> name = fields.name(literal);
    const Field field = name ? field_of(*name, next) : field_count;
    if (field == field_count) {
      if (!fields.attribute(literal, value, into.attributes)) return false;
      continue;
    }
    const uint32_t bit = uint32_t{1} << field;
    if ((named & bit) != 0) return fields.refuse(names[field], "is given twice");
    named |= bit;
    if (kind_of(value) == JsonKind::null) continue;
    given |= bit;
    if (!read_field(field, value, fields, into)) return false;
  }
  if (!options.deliverer.empty()) {
    if (!into.deliverer)
      into.deliverer = DelivererId(options.deliverer);
    else if (into.deliverer->text != options.deliverer)
      return fields.deny(names[deliverer_id], "is not the deliverer of this token");
    given |= uint32_t{1} << deliverer_id;
  }
  if (!check_required(given, needs, fields)) return false;
  into.received_at = options.received_at;
  if (into.client_id.empty() && !options.idempotency_key.empty())
    into.client_id = options.idempotency_key + '#' + std::to_string(number);
  return true;
}

}  // namespace waybill::wire
