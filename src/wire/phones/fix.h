// wire/phones/fix.h — one fix of a phone, member by member, from whatever its app calls them to a location.
//
// Threads: a reader belongs to one thread at a time; it keeps views of the text that it is given.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "wire/item_in.h"
#include "wire/phones/phone_in.h"

namespace waybill::wire {

enum class Meaning : uint8_t {
  dropped,  // says nothing of the fix
  inside,   // an object whose members are the fix's, too
  latitude,
  longitude,
  place,  // "latitude,longitude"
  time,
  sent_at,
  accuracy,  // metres
  altitude,  // metres
  speed,
  heading,
  client_id,
  device,  // whose it is, where nobody says it better
  topic,   // "owntracks/<user>/<device>": the same, and before it
  order,
  state,
};

// What a dialect calls a member, and what that means.
struct Member {
  std::string_view name;
  Meaning meaning = Meaning::dropped;
  bool kept = false;  // among the attributes as well
  std::span<const Member> inside = {};
};
using Members = std::span<const Member>;

// value × times / over is metres a second.
struct SpeedUnit {
  double times = 1;
  double over = 1;
};
inline constexpr SpeedUnit metres_a_second{}, knots{.times = 1852, .over = 3600},
    kilometres_an_hour{.times = 1000, .over = 3600};

struct FixRules {
  SpeedUnit speed = metres_a_second;
  bool time_in_client_id = false;  // the app's ids are unique together with the fix time only
  bool untimed_is_now = false;  // a fix without a time is of when it comes
};

class FixReader {
 public:
  FixReader(FixRules rules, const PhoneSender& sender, const InputOptions& options);

  // False: failure() says why, without `raw`; so do all that follow.
  bool members(std::string_view object, Members known);
  bool take_one(const Member& member, std::string_view value);  // by itself; one that says nothing is passed over
  bool coordinates(std::string_view array);  // GeoJSON's: longitude, latitude and perhaps altitude
  bool other(std::string_view literal, std::string_view value);
  // When all is read: whose it is, and what must be there.
  bool finish();

  bool has_place() const { return has_latitude_ || has_longitude_; }
  // Whose it is by what was read; empty where nobody is named.
  std::string deliverer();
  Location& location() { return location_; }
  ItemFailure& failure() { return fields_.failure(); }

 private:
  bool take(const Member& member, std::string_view literal, std::string_view value);
  bool take_place(std::string_view value);
  bool take_time(std::string_view value);
  bool take_client_id(std::string_view literal, std::string_view value);
  bool degrees(LocationField field, std::string_view value, double most, bool& has, double& into);
  bool measure(std::string_view literal, std::string_view value, std::optional<double>& into);
  bool moment(std::string_view value, ParsedTime& into);
  bool whose();
  bool find_deliverer();

  const FixRules rules_;
  const PhoneSender& sender_;
  const InputOptions& options_;
  FieldReader fields_;
  Location location_;
  bool has_latitude_ = false;
  bool has_longitude_ = false;
  bool has_time_ = false;
  std::string_view device_name_;  // of the member that names the device; empty: none does
  std::string_view device_;
  bool device_kept_ = false;  // it is among the attributes, or is the deliverer
  std::string_view topic_;
};

}  // namespace waybill::wire
