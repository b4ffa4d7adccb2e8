#include <limits>

#include "wire/item_in.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();

bool read_field(LocationField field, std::string_view value, FieldReader& fields, Location& into) {
  const std::string_view name = name_of(field);
  using enum LocationField;
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
    case none: break;
  }
  return true;
}

}  // namespace

bool read_location(std::string_view object, LocationNeeds needs, const InputOptions& options, size_t number,
                   FieldReader& fields, Location& into) {
  if (kind_of(object) != JsonKind::object) return fields.refuse("", "expected a JSON object");
  JsonWalk walk(object);
  std::string_view literal, value;
  LocationFieldSet named, given;
  size_t next = 0;
  while (walk.next_member(literal, value)) {
    const std::optional<std::string_view> name = fields.name(literal);
    const LocationField field = name ? location_field_of(*name, next) : LocationField::none;
    if (field == LocationField::none) {
      if (!fields.attribute(literal, value, into.attributes)) return false;
      continue;
    }
    if (!named.add_new(field)) return fields.refuse(name_of(field), "is given twice");
    if (kind_of(value) == JsonKind::null) continue;
    given.add(field);
    if (!read_field(field, value, fields, into)) return false;
  }
  return complete_location(given, needs, options, number, fields, into);
}

bool complete_location(LocationFieldSet given, LocationNeeds needs, const InputOptions& options, size_t number,
                       FieldReader& fields, Location& into) {
  if (!options.deliverer.empty()) {
    const bool is_another = into.deliverer && into.deliverer->text != options.deliverer;
    if (!into.deliverer || (is_another && options.deliverer_rules))
      into.deliverer = DelivererId(options.deliverer);
    else if (is_another)
      return fields.deny(name_of(LocationField::deliverer_id), "is not the deliverer of this token");
    given.add(LocationField::deliverer_id);
  }
  if (needs == LocationNeeds::order && !given.has(LocationField::order_id))
    return fields.missing(name_of(LocationField::order_id));
  if (!given.has(LocationField::order_id) && !given.has(LocationField::deliverer_id))
    return fields.missing(name_of(LocationField::deliverer_id));
  for (const LocationField field : {LocationField::latitude, LocationField::longitude, LocationField::timestamp})
    if (!given.has(field)) return fields.missing(name_of(field));
  into.received_at = options.received_at;
  if (into.client_id.empty() && !options.idempotency_key.empty())
    into.client_id = options.idempotency_key + '#' + std::to_string(number);
  return true;
}

}  // namespace waybill::wire
