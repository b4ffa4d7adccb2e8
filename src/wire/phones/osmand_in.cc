#include <algorithm>
#include <array>

#include "wire/json_out.h"
#include "wire/phones/body.h"
#include "wire/phones/transistor.h"

namespace waybill::wire {
namespace {

constexpr std::array flat_members = {
    Member{.name = "id", .meaning = Meaning::device},
    Member{.name = "deviceid", .meaning = Meaning::device},
    Member{.name = "device_id", .meaning = Meaning::device},
    Member{.name = "lat", .meaning = Meaning::latitude},
    Member{.name = "lon", .meaning = Meaning::longitude},
    Member{.name = "location", .meaning = Meaning::place},
    Member{.name = "timestamp", .meaning = Meaning::time},
    Member{.name = "speed", .meaning = Meaning::speed},
    Member{.name = "speed_unit", .meaning = Meaning::dropped},
    Member{.name = "bearing", .meaning = Meaning::heading},
    Member{.name = "heading", .meaning = Meaning::heading},
    Member{.name = "altitude", .meaning = Meaning::altitude},
    Member{.name = "accuracy", .meaning = Meaning::accuracy},
    Member{.name = "order_id", .meaning = Meaning::order},
    Member{.name = "delivery_state", .meaning = Meaning::state},
};

std::optional<SpeedUnit> unit_of(std::string_view name) {
  if (name.empty() || name == "kn" || name == "knots") return knots;
  if (name == "mps") return metres_a_second;
  if (name == "kmh") return kilometres_an_hour;
  return std::nullopt;
}

void write_value(JsonWriter& writer, const std::string& text) {
  if (is_json_number(text) || text == "true" || text == "false")
    writer.raw(text);
  else
    writer.text(text);
}

// As one object. What is given several times, as the cells of a phone, becomes an array.
std::string object_of(std::span<const NamedText> parameters) {
  JsonWriter writer;
  writer.begin_object();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].first;
    const auto same = [&](const NamedText& other) { return other.first == name; };
    const auto before = parameters.first(i), behind = parameters.subspan(i + 1);
    if (std::ranges::any_of(before, same)) continue;
    writer.key(name);
    if (std::ranges::none_of(behind, same)) {
      write_value(writer, parameters[i].second);
      continue;
    }
    writer.begin_array();
    for (const NamedText& parameter : parameters.subspan(i))
      if (same(parameter)) write_value(writer, parameter.second);
    writer.end_array();
  }
  return writer.end_object().take();
}

std::string_view value_of(std::span<const NamedText> parameters, std::string_view name) {
  const auto found = std::ranges::find(parameters, name, &NamedText::first);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

PhoneSender sender_of(std::span<const NamedText> parameters) {
  for (const std::string_view name : {"id", "deviceid", "device_id"})
    if (const std::string_view id = value_of(parameters, name); !id.empty()) return {.user = std::string(id)};
  return {};
}

// `unit`: the name of one that holds where the object says none.
void read_flat(std::string_view object, std::string_view unit, const PhoneSender& sender, const InputOptions& options,
               PhoneSink& sink) {
  const std::string own_unit = text_of(member_of(object, "speed_unit"));
  const auto speed = unit_of(own_unit.empty() ? unit : own_unit);
  if (!speed) return hand_failure("speed_unit", "expected kn, mps or kmh", object, sink);
  FixReader fix({.speed = *speed, .untimed_is_now = true}, sender, options);
  const bool read = fix.members(object, flat_members);
  if (read && !fix.has_place())
    return sink.hear({.kind = PhoneWord::Kind::heartbeat, .deliverer = fix.deliverer(), .reason = {}});
  hand_over(fix, read, object, sink);
}

}  // namespace

Result<void> PhoneParser::osmand(std::span<const NamedText> parameters, const InputOptions& options, PhoneSink& sink) {
  if (parameters.size() > phone_parameters_max) {
    std::string raw;
    for (const auto& [name, value] : parameters) raw.append(name).append("=").append(value).append("\n");
    hand_failure({}, "has more than " + std::to_string(phone_parameters_max) + " parameters", raw, sink);
    return {};
  }
  const std::string object = object_of(parameters);
  if (const Result<void> good = buffers_->checker.check(object); !good)
    return hand_failure({}, good.error().message, object, sink), Result<void>();
  read_flat(object, {}, {}, options, sink);
  return {};
}

Result<void> PhoneParser::osmand_json(std::string_view body, std::span<const NamedText> parameters,
                                      const InputOptions& options, PhoneSink& sink) {
  const auto value = checked_body(body, buffers_->checker, sink);
  if (!value) return {};
  const PhoneSender sender = sender_of(parameters);
  const std::string_view unit = value_of(parameters, "speed_unit");
  Result<void> inner;
  TRY(each_object(*value, sink, [&](std::string_view object) {
    const std::string_view location = member_of(object, "location");
    if (!is_of(location, JsonKind::object) && !is_of(location, JsonKind::array))
      return read_flat(object, unit, sender, options, sink);
    if (const Result<void> read = read_transistor(object, sender, options, sink); !read) inner = read;
  }));
  return inner;
}

Result<void> PhoneParser::transistor(std::string_view body, const PhoneSender& sender, const InputOptions& options,
                                     PhoneSink& sink) {
  const auto value = checked_body(body, buffers_->checker, sink);
  if (!value) return {};
  Result<void> inner;
  TRY(each_object(*value, sink, [&](std::string_view object) {
    if (const Result<void> read = read_transistor(object, sender, options, sink); !read) inner = read;
  }));
  return inner;
}

}  // namespace waybill::wire
