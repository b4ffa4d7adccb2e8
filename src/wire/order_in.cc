#include <array>

#include "wire/item_in.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

enum Field : size_t {
  order_id,
  deliverer_id,
  destination,
  promised_at,
  sequence,
  at,
  assignments,
  event_id,
  field_count
};
constexpr std::array<std::string_view, field_count> names = {"order_id", "deliverer_id", "destination", "promised_at",
                                                             "sequence", "at",           "assignments", "event_id"};

Field field_of(std::string_view name) {
  if (name == "assigned_at") return at;
  for (size_t i = 0; i < field_count; ++i)
    if (names[i] == name) return static_cast<Field>(i);
  return field_count;
}

// The members of an object within the item: names that are not ours are a mistake there, since nothing could keep them.
// `take` gives false and has said why; `given` counts how often each name stands there with a value.
template <size_t count, class Take>
bool read_members(const std::string& field, std::string_view object, const std::array<std::string_view, count>& known,
                  std::array<bool, count>& given, FieldReader& fields, Take take) {
  if (kind_of(object) != JsonKind::object) return fields.refuse(field, "expected a JSON object");
  JsonWalk walk(object);
  std::string_view literal, value;
  std::array<bool, count> named{};
  while (walk.next_member(literal, value)) {
    const std::string name(fields.name(literal).value_or(std::string_view()));
    size_t which = 0;
    while (which < count && known[which] != name) ++which;
    const std::string path = field + '.' + name;
    if (which == count) return fields.refuse(path, "is not known");
    if (std::exchange(named[which], true)) return fields.refuse(path, "is given twice");
    if (kind_of(value) == JsonKind::null) continue;
    given[which] = true;
    if (!take(which, path, value)) return false;
  }
  return true;
}

bool read_destination(std::string_view object, FieldReader& fields, std::optional<Destination>& into) {
  constexpr std::array<std::string_view, 3> known = {"latitude", "longitude", "address"};
  std::array<bool, 3> given{};
  Destination& place = into.emplace();
  const auto take = [&](size_t which, const std::string& path, std::string_view value) {
    if (which == 0) return fields.number(path, value, -90, 90, place.latitude);
    if (which == 1) return fields.number(path, value, -180, 180, place.longitude);
    return fields.text(path, value, place.address);
  };
  if (!read_members("destination", object, known, given, fields, take)) return false;
  for (size_t i = 0; i < 2; ++i)
    if (!given[i]) return fields.missing("destination." + std::string(known[i]));
  return true;
}

bool read_assignment(const std::string& field, std::string_view object, FieldReader& fields, Assignment& into) {
  constexpr std::array<std::string_view, 3> known = {"deliverer_id", "from", "to"};
  std::array<bool, 3> given{};
  const auto take = [&](size_t which, const std::string& path, std::string_view value) {
    if (which == 0) return fields.id(path, value, into.deliverer.text, into.deliverer.integer);
    if (which == 2) return fields.time(path, value, into.to);
    ParsedTime from;
    if (!fields.time(path, value, from)) return false;
    into.from = from.time;
    return true;
  };
  if (!read_members(field, object, known, given, fields, take)) return false;
  for (size_t i = 0; i < 2; ++i)
    if (!given[i]) return fields.missing(field + '.' + std::string(known[i]));
  return true;
}

bool read_assignments(std::string_view array, FieldReader& fields, std::vector<Assignment>& into) {
  if (kind_of(array) != JsonKind::array) return fields.refuse(names[assignments], "expected an array");
  JsonWalk walk(array);
  std::string_view element;
  while (walk.next_element(element)) {
    if (into.size() == assignments_max)
      return fields.refuse(names[assignments], "more than " + std::to_string(assignments_max));
    const std::string field = "assignments[" + std::to_string(into.size()) + ']';
    if (!read_assignment(field, element, fields, into.emplace_back())) return false;
  }
  return true;
}

// Where the path names the order, the body may only repeat it.
bool read_order_id(std::string_view value, FieldReader& fields, OrderId& into) {
  OrderId id;
  if (!fields.id(names[order_id], value, id.text, id.integer)) return false;
  if (!into.text.empty() && id != into) return fields.refuse(names[order_id], "is another order than the path names");
  into = std::move(id);
  return true;
}

bool read_field(Field field, std::string_view value, FieldReader& fields, OrderCommand& into) {
  const std::string_view name = names[field];
  switch (field) {
    case order_id: return read_order_id(value, fields, into.order);
    case deliverer_id: return fields.id(name, value, into.deliverer);
    case destination: return read_destination(value, fields, into.destination);
    case promised_at: return fields.time(name, value, into.promised_at);
    case sequence: return fields.integer(name, value, into.sequence.emplace());
    case at: return fields.time(name, value, into.at);
    case assignments:
      if (into.kind != OrderCommand::Kind::put) return fields.refuse(name, "can only be given with the order itself");
      return read_assignments(value, fields, into.assignments.emplace());
    case event_id: {
      bool integer = false;
      return fields.id(name, value, into.client_id, integer);
    }
    case field_count: break;
  }
  return true;
}

}  // namespace

bool read_order(std::string_view object, const InputOptions& options, size_t number, FieldReader& fields,
                OrderCommand& into) {
  if (kind_of(object) != JsonKind::object) return fields.refuse("", "expected a JSON object");
  JsonWalk walk(object);
  std::string_view literal, value;
  std::array<bool, field_count> named{};
  while (walk.next_member(literal, value)) {
    const std::optional<std::string_view> name = fields.name(literal);
    const Field field = name ? field_of(*name) : field_count;
    if (field == field_count) {
      if (!fields.attribute(literal, value, into.attributes)) return false;
      continue;
    }
    if (std::exchange(named[field], true)) return fields.refuse(names[field], "is given twice");
    if (kind_of(value) == JsonKind::null) continue;
    if (!read_field(field, value, fields, into)) return false;
  }
  if (into.order.text.empty()) return fields.missing(names[order_id]);
  if (into.kind == OrderCommand::Kind::reassign && !into.deliverer) return fields.missing(names[deliverer_id]);
  into.received_at = options.received_at;
  if (into.client_id.empty() && !options.idempotency_key.empty())
    into.client_id = options.idempotency_key + '#' + std::to_string(number);
  return true;
}

}  // namespace waybill::wire
