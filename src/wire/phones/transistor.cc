#include "wire/phones/transistor.h"

#include <array>

#include "wire/phones/body.h"

namespace waybill::wire {
namespace {

constexpr std::array coords_members = {
    Member{.name = "latitude", .meaning = Meaning::latitude},
    Member{.name = "longitude", .meaning = Meaning::longitude},
    Member{.name = "accuracy", .meaning = Meaning::accuracy},
    Member{.name = "speed", .meaning = Meaning::speed},
    Member{.name = "heading", .meaning = Meaning::heading},
    Member{.name = "altitude", .meaning = Meaning::altitude},
};
constexpr std::array location_members = {
    Member{.name = "timestamp", .meaning = Meaning::time},
    Member{.name = "uuid", .meaning = Meaning::client_id},
    Member{.name = "coords", .meaning = Meaning::inside, .inside = coords_members},
    Member{.name = "extras", .meaning = Meaning::dropped, .kept = true},
    Member{.name = "_", .meaning = Meaning::dropped},  // Traccar's template ends in it
};
constexpr std::array beside_members = {
    Member{.name = "device_id", .meaning = Meaning::device},
    Member{.name = "location", .meaning = Meaning::dropped},
};
// What an app of ours would say in `extras`; the others stay there.
constexpr std::array extras_members = {
    Member{.name = "order_id", .meaning = Meaning::order},
    Member{.name = "delivery_state", .meaning = Meaning::state},
};

bool read_extras(std::string_view location, FixReader& fix) {
  const std::string_view extras = member_of(location, "extras");
  if (!is_of(extras, JsonKind::object)) return true;
  for (const Member& member : extras_members)
    if (const std::string_view value = member_of(extras, member.name); !value.empty())
      if (!fix.take_one(member, value)) return false;
  return true;
}

void read_location(std::string_view location, std::string_view beside, const PhoneSender& sender,
                   const InputOptions& options, PhoneSink& sink) {
  FixReader fix({}, sender, options);
  const bool read = (beside.empty() || fix.members(beside, beside_members)) &&
                    fix.members(location, location_members) && read_extras(location, fix);
  if (read && !fix.has_place())
    return sink.hear({.kind = PhoneWord::Kind::heartbeat, .deliverer = fix.deliverer(), .reason = {}});
  hand_over(fix, read, location, sink);
}

}  // namespace

Result<void> read_transistor(std::string_view object, const PhoneSender& sender, const InputOptions& options,
                             PhoneSink& sink) {
  const std::string_view location = member_of(object, "location");
  if (location.empty()) return read_location(object, {}, sender, options, sink), Result<void>();
  return each_object(location, sink, [&](std::string_view one) { read_location(one, object, sender, options, sink); });
}

}  // namespace waybill::wire
