#include <array>

#include "wire/phones/body.h"

namespace waybill::wire {
namespace {

constexpr std::array place_members = {
    Member{.name = "lat", .meaning = Meaning::latitude},
    Member{.name = "lng", .meaning = Meaning::longitude},
    Member{.name = "altitude", .meaning = Meaning::altitude},
    Member{.name = "heading", .meaning = Meaning::heading},
    Member{.name = "speed", .meaning = Meaning::speed},
    Member{.name = "horizontal_accuracy", .meaning = Meaning::accuracy},
};
constexpr std::array telemetry_members = {
    Member{.name = "device_id", .meaning = Meaning::device},
    Member{.name = "telemetry_id", .meaning = Meaning::client_id},
    Member{.name = "timestamp", .meaning = Meaning::time},
    Member{.name = "location", .meaning = Meaning::inside, .inside = place_members},
};

}  // namespace

Result<void> PhoneParser::mds(std::string_view body, const PhoneSender& sender, const InputOptions& options,
                              PhoneSink& sink) {
  const auto value = checked_body(body, buffers_->checker, sink);
  if (!value) return {};
  return each_object(*value, sink, [&](std::string_view telemetry) {
    FixReader fix({}, sender, options);
    const bool read = fix.members(telemetry, telemetry_members);
    hand_over(fix, read, telemetry, sink);
  });
}

}  // namespace waybill::wire
