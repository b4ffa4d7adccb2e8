#include "wire/phones/fix.h"

#include <cmath>
#include <limits>

#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();
constexpr double latitude_max = 90, longitude_max = 180, heading_max = 360;
constexpr size_t client_id_bytes_max = 96;  // of one that the fix time is put behind
constexpr std::string_view time_expected =
    "expected a time after 1970 such as 2024-01-15T09:00:00Z, or seconds or milliseconds since then";

bool says_nothing(std::string_view value) { return kind_of(value) == JsonKind::null || value == "\"\""; }

const Member* known_as(std::string_view name, Members known) {
  for (const Member& member : known)
    if (member.name == name) return &member;
  return nullptr;
}

// A + that was not written as %2B comes as a space: "2024-01-15T09:00:00 01:00".
std::optional<ParsedTime> time_with_lost_plus(std::string text, const FieldReader& fields) {
  constexpr size_t offset_length = 6;
  constexpr size_t time_length_min = 19;
  if (text.size() >= time_length_min + offset_length && text[text.size() - offset_length] == ' ')
    text[text.size() - offset_length] = '+';
  return fields.time_of(text);
}

}  // namespace

FixReader::FixReader(FixRules rules, const PhoneSender& sender, const InputOptions& options)
    : rules_(rules), sender_(sender), options_(options), fields_(options.naive_offset, NumberForm::text_too) {}

bool FixReader::members(std::string_view object, Members known) {
  JsonWalk walk(object);
  for (std::string_view literal, value; walk.next_member(literal, value);) {
    const std::optional<std::string_view> name = fields_.name(literal);
    const Member* member = name ? known_as(*name, known) : nullptr;
    if (!member) {
      if (!other(literal, value)) return false;
      continue;
    }
    if (member->kept && !other(literal, value)) return false;
    if (!says_nothing(value) && !take(*member, literal, value)) return false;
  }
  return true;
}

bool FixReader::take_one(const Member& member, std::string_view value) {
  const std::string literal = '"' + std::string(member.name) + '"';
  return says_nothing(value) || take(member, literal, value);
}

bool FixReader::other(std::string_view literal, std::string_view value) {
  size_t next = 0;
  const std::optional<std::string_view> name = fields_.name(literal);
  if (!name || location_field_of(*name, next) == LocationField::none)
    return fields_.attribute(literal, value, location_.attributes);
  const std::string sent = "\"sent_" + std::string(*name) + '"';
  return fields_.attribute(sent, value, location_.attributes);
}

bool FixReader::take(const Member& member, std::string_view literal, std::string_view value) {
  using enum LocationField;
  switch (member.meaning) {
    case Meaning::dropped: return true;
    case Meaning::inside:
      return is_of(value, JsonKind::object) ? members(value, member.inside) : member.kept || other(literal, value);
    case Meaning::latitude: return degrees(latitude, value, latitude_max, has_latitude_, location_.latitude);
    case Meaning::longitude: return degrees(longitude, value, longitude_max, has_longitude_, location_.longitude);
    case Meaning::place: return take_place(value);
    case Meaning::time: return take_time(value);
    case Meaning::sent_at: {
      ParsedTime sent;
      if (!moment(value, sent)) return other(literal, value);
      location_.sent_at = sent.time;
      return true;
    }
    case Meaning::accuracy: return measure(literal, value, location_.accuracy_m);
    case Meaning::altitude: return measure(literal, value, location_.altitude_m);
    case Meaning::speed: return measure(literal, value, location_.speed_mps);
    case Meaning::heading: return measure(literal, value, location_.heading_deg);
    case Meaning::client_id: return take_client_id(literal, value);
    case Meaning::device:
      if (!device_name_.empty()) return member.kept || other(literal, value);
      device_name_ = member.name;
      device_ = value;
      device_kept_ = member.kept;
      return true;
    case Meaning::topic: topic_ = value; return true;
    case Meaning::order: return fields_.id(name_of(order_id), value, location_.order);
    case Meaning::state: return fields_.state(name_of(delivery_state), value, location_.state);
  }
  return true;
}

bool FixReader::degrees(LocationField field, std::string_view value, double most, bool& has, double& into) {
  if (std::exchange(has, true)) return fields_.refuse(name_of(field), "is given twice");
  return fields_.number(name_of(field), value, -most, most, into);
}

bool FixReader::take_place(std::string_view value) {
  const std::string text = text_of(value);
  const size_t comma = text.find(',');
  const std::string_view both(text);
  if (comma == std::string::npos || !is_json_number(json_trimmed(both.substr(0, comma))) ||
      !is_json_number(json_trimmed(both.substr(comma + 1))))
    return fields_.refuse(name_of(LocationField::latitude), "expected latitude and longitude with a comma between");
  return degrees(LocationField::latitude, json_trimmed(both.substr(0, comma)), latitude_max, has_latitude_,
                 location_.latitude) &&
         degrees(LocationField::longitude, json_trimmed(both.substr(comma + 1)), longitude_max, has_longitude_,
                 location_.longitude);
}

bool FixReader::coordinates(std::string_view array) {
  if (!is_of(array, JsonKind::array))
    return fields_.refuse(name_of(LocationField::latitude), "expected a GeoJSON point with its coordinates");
  JsonWalk walk(array);
  std::string_view value;
  if (walk.next_element(value) &&
      !degrees(LocationField::longitude, value, longitude_max, has_longitude_, location_.longitude))
    return false;
  if (walk.next_element(value) &&
      !degrees(LocationField::latitude, value, latitude_max, has_latitude_, location_.latitude))
    return false;
  if (walk.next_element(value) && !says_nothing(value) && !location_.altitude_m)
    return measure("\"altitude\"", value, location_.altitude_m);
  return true;
}

// What is no measurement does not cost the fix its place: it is kept as it was sent.
bool FixReader::measure(std::string_view literal, std::string_view value, std::optional<double>& into) {
  double number = 0;
  const bool readable = fields_.number({}, value, -unbounded, unbounded, number);
  if (!readable) fields_.failure() = {};
  if (!readable || into) return other(literal, value);
  if (&into == &location_.altitude_m) {
    into = number;
    return true;
  }
  if (number < 0) return true;  // unknown
  if (&into == &location_.speed_mps) number = number * rules_.speed.times / rules_.speed.over;
  if (!std::isfinite(number)) return other(literal, value);
  if (&into == &location_.heading_deg) {
    if (number > heading_max) return other(literal, value);
    if (number == heading_max) number = 0;
  }
  into = number;
  return true;
}

bool FixReader::moment(std::string_view value, ParsedTime& into) {
  std::optional<ParsedTime> time;
  const std::string text = kind_of(value) == JsonKind::string ? text_of(value) : std::string(value);
  double epoch = 0;
  if (is_json_number(text) && fields_.number({}, text, -unbounded, unbounded, epoch))
    time = parse_epoch(epoch);
  else if (kind_of(value) == JsonKind::string)
    time = time_with_lost_plus(text, fields_);
  fields_.failure() = {};
  if (!time || time->time <= Time{}) return false;
  into = *time;
  return true;
}

bool FixReader::take_time(std::string_view value) {
  ParsedTime time;
  if (std::exchange(has_time_, true)) return fields_.refuse(name_of(LocationField::timestamp), "is given twice");
  if (!moment(value, time)) return fields_.refuse(name_of(LocationField::timestamp), std::string(time_expected));
  location_.fix_time = time.time;
  location_.fix_form = time.form;
  return true;
}

bool FixReader::take_client_id(std::string_view literal, std::string_view value) {
  bool integer = false;
  std::string id;
  const bool fits = fields_.id({}, value, id, integer);
  fields_.failure() = {};
  if (!fits || (rules_.time_in_client_id && id.size() > client_id_bytes_max)) return other(literal, value);
  location_.client_id = std::move(id);
  return true;
}

// Whom the sender's way or the message names, into the location; true where somebody is, false also where that can be no id.
bool FixReader::find_deliverer() {
  const std::string_view field = name_of(LocationField::deliverer_id);
  const std::string& given = options_.deliverer.empty() ? sender_.user : options_.deliverer;
  std::string named = given;
  if (named.empty() && !topic_.empty())
    if (auto of_topic = sender_of_topic(text_of(topic_))) named = std::move(of_topic->user);
  if (named.empty()) {
    if (device_name_.empty()) return fields_.missing(field);
    device_kept_ = true;
    return fields_.id(field, device_, location_.deliverer);
  }
  const Result<std::string> id = checked_id(named);
  if (!id) return fields_.refuse(field, id.error().message);
  location_.deliverer = DelivererId(*id);
  return true;
}

std::string FixReader::deliverer() {
  const bool found = find_deliverer();
  fields_.failure() = {};
  return found ? location_.deliverer->text : std::string();
}

bool FixReader::whose() {
  if (!find_deliverer()) return false;
  const std::string& deliverer = location_.deliverer->text;
  if (!device_name_.empty() && !device_kept_ && device_ != deliverer && text_of(device_) != deliverer)
    if (!other('"' + std::string(device_name_) + '"', device_)) return false;
  if (sender_.device.empty()) return true;
  JsonWriter device;
  device.text(sender_.device);
  return fields_.attribute("\"device\"", device.take(), location_.attributes);
}

bool FixReader::finish() {
  if (!whose()) return false;
  if (!has_latitude_) return fields_.missing(name_of(LocationField::latitude));
  if (!has_longitude_) return fields_.missing(name_of(LocationField::longitude));
  if (!has_time_) {
    if (!rules_.untimed_is_now) return fields_.missing(name_of(LocationField::timestamp));
    location_.fix_time = options_.received_at;
  }
  location_.received_at = options_.received_at;
  if (rules_.time_in_client_id && !location_.client_id.empty()) {
    constexpr int64_t second_us = 1'000'000;
    const int64_t us = to_us(location_.fix_time);
    location_.client_id.append(".").append(std::to_string(us % second_us == 0 ? us / second_us : us));
  }
  return true;
}

}  // namespace waybill::wire
