#include "wire/json_out.h"

#define RAPIDJSON_ASSERT(condition) static_cast<void>(0)
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <charconv>
#include <cmath>

#include "wire/json_text.h"
#include "wire/time_text.h"

namespace waybill::wire {
namespace {

class OpenWriter : public rapidjson::Writer<rapidjson::StringBuffer> {
 public:
  using Writer::Writer;
  // One or more `"name":value` with commas between them, into the object that is open.
  void Members(std::string_view members) {
    Prefix(rapidjson::kStringType);
    for (const char c : members) os_->Put(c);
    ++level_stack_.Top<Level>()->valueCount;  // a name and its value were written
  }
};

// Names that we add where a position is given.
bool is_added(std::string_view name) { return name == "position" || name == "received_at" || name == "ahead"; }

void write_attributes(JsonWriter& writer, std::string_view attributes, const LocationExtras& extras) {
  if (extras.position.empty() || (attributes.find("position") == std::string_view::npos &&
                                  attributes.find("received_at") == std::string_view::npos &&
                                  attributes.find("ahead") == std::string_view::npos)) {
    writer.members(attributes);
    return;
  }
  JsonWalk walk(attributes);
  std::string_view name, value;
  std::string kept, scratch;
  while (walk.next_member(name, value)) {
    if (is_added(json_string(name, scratch).value_or(std::string_view()))) continue;
    kept += kept.empty() ? '{' : ',';
    kept.append(name).append(":").append(value);
  }
  if (!kept.empty()) writer.members(kept + '}');
}

void write_number(JsonWriter& writer, std::string_view name, const std::optional<double>& value) {
  if (value) writer.key(name).number(*value);
}

}  // namespace

struct JsonWriter::State {
  rapidjson::StringBuffer buffer;
  OpenWriter writer{buffer};

  void raw(std::string_view json) { writer.RawValue(json.data(), json.size(), rapidjson::kNullType); }
  void string(std::string_view text) { writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size())); }
};

JsonWriter::JsonWriter() : state_(std::make_unique<State>()) {}
JsonWriter::~JsonWriter() = default;

JsonWriter& JsonWriter::begin_object() { return state_->writer.StartObject(), *this; }
JsonWriter& JsonWriter::end_object() { return state_->writer.EndObject(), *this; }
JsonWriter& JsonWriter::begin_array() { return state_->writer.StartArray(), *this; }
JsonWriter& JsonWriter::end_array() { return state_->writer.EndArray(), *this; }
JsonWriter& JsonWriter::key(std::string_view name) { return text(name); }
JsonWriter& JsonWriter::integer(int64_t value) { return state_->writer.Int64(value), *this; }
JsonWriter& JsonWriter::boolean(bool value) { return state_->writer.Bool(value), *this; }
JsonWriter& JsonWriter::null() { return state_->writer.Null(), *this; }

JsonWriter& JsonWriter::raw(std::string_view json) {
  state_->raw(json);
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  if (is_utf8(value))
    state_->string(value);
  else
    state_->string(made_utf8(value));
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  std::array<char, 32> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string_view shortest(text.data(), written.ptr);
  // As an integer it would be read back without its sign.
  if (shortest == "-0") shortest = "-0.0";
  state_->raw(shortest);
  return *this;
}

JsonWriter& JsonWriter::members(std::string_view object) {
  object = json_trimmed(object);
  if (object.size() < 2) return *this;
  const std::string_view inner = json_trimmed(object.substr(1, object.size() - 2));
  if (!inner.empty()) state_->writer.Members(inner);
  return *this;
}

JsonWriter& JsonWriter::time(Time value, TimeForm form) {
  state_->string(format_time(value, form));
  return *this;
}

JsonWriter& JsonWriter::id_text(const std::string& text_of_id, bool integer) {
  if (!integer || !is_json_integer(text_of_id)) return text(text_of_id);
  state_->raw(text_of_id);
  return *this;
}

std::string JsonWriter::take() {
  std::string text(state_->buffer.GetString(), state_->buffer.GetSize());
  state_->buffer.Clear();
  state_->writer.Reset(state_->buffer);
  return text;
}

void write_location(JsonWriter& writer, const Location& location, const LocationExtras& extras) {
  writer.begin_object();
  if (location.order) writer.key("order_id").id(*location.order);
  if (location.deliverer) writer.key("deliverer_id").id(*location.deliverer);
  if (location.state != DeliveryState::none) writer.key("delivery_state").text(to_string(location.state));
  writer.key("latitude").number(location.latitude).key("longitude").number(location.longitude);
  writer.key("timestamp").time(location.fix_time, location.fix_form);
  write_number(writer, "speed", location.speed_mps);
  write_number(writer, "accuracy", location.accuracy_m);
  write_number(writer, "altitude", location.altitude_m);
  write_number(writer, "heading", location.heading_deg);
  if (location.sent_at) writer.key("sent_at").time(*location.sent_at);
  if (!location.client_id.empty()) writer.key("event_id").text(location.client_id);
  if (!location.attributes.empty()) write_attributes(writer, location.attributes, extras);
  if (!extras.position.empty()) {
    writer.key("position").text(extras.position).key("received_at").time(location.received_at);
    if (is_ahead(location)) writer.key("ahead").boolean(true);
  }
  writer.end_object();
}

void write_first_system(JsonWriter& writer, const Location& location, Duration naive_offset) {
  const auto id_or_null = [&](const auto& id) {
    if (id)
      writer.id(*id);
    else
      writer.null();
  };
  writer.begin_object().key("order_id");
  id_or_null(location.order);
  writer.key("deliverer_id");
  id_or_null(location.deliverer);
  writer.key("delivery_state");
  if (location.state == DeliveryState::none)
    writer.null();
  else
    writer.text(to_string(location.state));
  writer.key("timestamp").text(format_time_as_sent(location.fix_time, location.fix_form, naive_offset));
  writer.key("latitude").number(location.latitude).key("longitude").number(location.longitude);
  writer.end_object();
}

}  // namespace waybill::wire
