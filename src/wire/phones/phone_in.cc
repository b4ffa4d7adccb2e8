#include "wire/phones/phone_in.h"

#include "wire/phones/body.h"

namespace waybill::wire {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

std::string_view to_string(PhoneApp app) {
  switch (app) {
    case PhoneApp::owntracks: return "owntracks";
    case PhoneApp::osmand: return "osmand";
    case PhoneApp::overland: return "overland";
    case PhoneApp::transistor: return "transistor";
    case PhoneApp::mds: return "mds";
  }
  return "";
}

std::optional<std::string_view> checked_body(std::string_view body, JsonChecker& checker, PhoneSink& sink) {
  std::string_view value = body;
  if (value.starts_with(byte_order_mark)) value.remove_prefix(byte_order_mark.size());
  value = json_trimmed(value);
  if (value.empty()) return std::nullopt;
  if (const Result<void> good = checker.check(value); !good) {
    hand_failure({}, good.error().message, body, sink);
    return std::nullopt;
  }
  return value;
}

Result<void> each_object(std::string_view value, PhoneSink& sink, const std::function<void(std::string_view)>& take) {
  const auto one = [&](std::string_view object) {
    if (!is_of(object, JsonKind::object))
      hand_failure({}, "expected a JSON object", object, sink);
    else if (object.size() > item_bytes_max)
      hand_failure({}, "has more than " + std::to_string(item_bytes_max) + " bytes", object, sink);
    else
      take(object);
  };
  if (!is_of(value, JsonKind::array)) return one(value), Result<void>();
  JsonWalk walk(value);
  size_t items = 0;
  for (std::string_view element; walk.next_element(element);) {
    if (++items > items_max) return fail(Code::overloaded, "has more than " + std::to_string(items_max) + " items");
    one(element);
  }
  return {};
}

void hand_over(FixReader& fix, bool read, std::string_view raw, PhoneSink& sink) {
  if (read && fix.finish()) return sink.take(fix.location());
  fix.failure().raw = raw.substr(0, item_bytes_max);
  sink.take(std::move(fix.failure()));
}

void hand_failure(std::string_view field, std::string reason, std::string_view raw, PhoneSink& sink) {
  sink.take(ItemFailure{
      .field = std::string(field), .reason = std::move(reason), .raw = std::string(raw.substr(0, item_bytes_max))});
}

PhoneParser::PhoneParser(const Passphrases* passphrases) : buffers_(std::make_unique<Buffers>(passphrases)) {}
PhoneParser::~PhoneParser() = default;

std::optional<PhoneApp> PhoneParser::app_of(std::string_view body) {
  std::string_view value = json_trimmed(body);
  if (!buffers_->checker.check(value)) return std::nullopt;
  if (is_of(value, JsonKind::array)) {
    JsonWalk walk(value);
    std::string_view first;
    if (!walk.next_element(first)) return std::nullopt;
    value = first;
  }
  if (!is_of(value, JsonKind::object)) return std::nullopt;
  if (!member_of(value, "_type").empty()) return PhoneApp::owntracks;
  if (is_of(member_of(value, "locations"), JsonKind::array)) return PhoneApp::overland;
  if (!member_of(value, "telemetry_id").empty() && is_of(member_of(value, "location"), JsonKind::object))
    return PhoneApp::mds;
  if (is_of(member_of(value, "coords"), JsonKind::object)) return PhoneApp::transistor;
  return std::nullopt;
}

}  // namespace waybill::wire
