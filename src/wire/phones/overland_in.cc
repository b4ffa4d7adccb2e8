#include <array>

#include "wire/phones/body.h"

namespace waybill::wire {
namespace {

constexpr std::array property_members = {
    Member{.name = "timestamp", .meaning = Meaning::time},
    Member{.name = "altitude", .meaning = Meaning::altitude},
    Member{.name = "speed", .meaning = Meaning::speed},
    Member{.name = "horizontal_accuracy", .meaning = Meaning::accuracy},
    Member{.name = "course", .meaning = Meaning::heading},
    Member{.name = "device_id", .meaning = Meaning::device},
    Member{.name = "order_id", .meaning = Meaning::order},
    Member{.name = "delivery_state", .meaning = Meaning::state},
};

class Features {
 public:
  Features(const PhoneSender& sender, const InputOptions& options, PhoneSink& sink)
      : sender_(sender), options_(options), sink_(sink) {}

  // `trip`: what is said of the trip that it belongs to; may be empty.
  void take(std::string_view feature, std::string_view trip) {
    FixReader fix({}, sender_, options_);
    const std::string_view properties = member_of(feature, "properties");
    const std::string_view geometry = member_of(feature, "geometry");
    const bool located = is_of(geometry, JsonKind::object);
    bool read = !is_of(properties, JsonKind::object) || fix.members(properties, property_members);
    read = read && fix.coordinates(located ? member_of(geometry, "coordinates") : std::string_view());
    if (read && !trip.empty()) read = fix.other("\"trip\"", trip);
    hand_over(fix, read, feature, sink_);
  }

 private:
  const PhoneSender& sender_;
  const InputOptions& options_;
  PhoneSink& sink_;
};

}  // namespace

Result<void> PhoneParser::overland(std::string_view body, const PhoneSender& sender, const InputOptions& options,
                                   PhoneSink& sink) {
  const auto value = checked_body(body, buffers_->checker, sink);
  if (!value) return {};
  if (kind_of(*value) != JsonKind::object) return hand_failure({}, "expected an object", *value, sink), Result<void>();
  const std::string_view locations = member_of(*value, "locations");
  const std::string_view current = member_of(*value, "current");
  const std::string_view trip = member_of(*value, "trip");
  const bool told_trip = is_of(trip, JsonKind::object);
  const bool told_current = is_of(current, JsonKind::object);
  if (locations.empty() && !told_current) return hand_failure("locations", "is required", *value, sink), Result<void>();
  Features features(sender, options, sink);
  if (!locations.empty() && kind_of(locations) != JsonKind::null)
    TRY(each_object(locations, sink, [&](std::string_view feature) { features.take(feature, {}); }));
  // It is newer than the batch, and comes again in a later one.
  if (told_current) features.take(current, told_trip ? trip : std::string_view());
  return {};
}

}  // namespace waybill::wire
