#include <array>

#include "wire/json_in.h"
#include "wire/json_out.h"
#include "wire/json_text.h"
#include "wire/tables_in.h"

namespace waybill::wire {
namespace {

// Empty where it is no array, or is shorter.
std::string_view element_of(std::string_view array, size_t place) {
  if (!is_of(array, JsonKind::array)) return {};
  JsonWalk walk(array);
  std::string_view element;
  for (size_t i = 0; walk.next_element(element); ++i)
    if (i == place) return element;
  return {};
}

class Ride {
 public:
  explicit Ride(const RideOwner& owner) : owner_(owner) {}

  Result<void> document(std::string_view value) {
    if (!is_of(value, JsonKind::object)) return fail(Code::invalid, "GeoJSON: expected an object");
    const std::string type = text_of(member_of(value, "type"));
    if (type == "Feature") return feature(value);
    if (type != "FeatureCollection") return geometry(value, {});
    const std::string_view features = member_of(value, "features");
    if (!is_of(features, JsonKind::array)) return fail(Code::invalid, "GeoJSON: a FeatureCollection has features");
    JsonWalk walk(features);
    for (std::string_view one; walk.next_element(one);) {
      if (!is_of(one, JsonKind::object)) return fail(Code::invalid, "GeoJSON: a feature is an object");
      TRY(feature(one));
    }
    return {};
  }
  std::vector<std::string> points;

 private:
  Result<void> feature(std::string_view value) {
    const std::string_view geometry_of_it = member_of(value, "geometry");
    if (is_of(geometry_of_it, JsonKind::null)) return {};
    if (!is_of(geometry_of_it, JsonKind::object)) return fail(Code::invalid, "GeoJSON: a Feature has a geometry");
    const std::string_view properties = member_of(value, "properties");
    return geometry(geometry_of_it, is_of(properties, JsonKind::object) ? properties : std::string_view());
  }

  Result<void> geometry(std::string_view value, std::string_view properties) {
    const std::string type = text_of(member_of(value, "type"));
    const std::string_view coordinates = member_of(value, "coordinates");
    const std::string_view times = times_of(properties);
    if (type == "Point") return point(coordinates, properties), Result<void>();
    if (type == "LineString") return line(coordinates, times, properties), Result<void>();
    if (type != "MultiLineString") return fail(Code::invalid, "GeoJSON: expected Point, LineString or MultiLineString");
    if (!is_of(coordinates, JsonKind::array)) return {};
    JsonWalk lines(coordinates);
    size_t number = 0;
    for (std::string_view one; lines.next_element(one); ++number) line(one, element_of(times, number), properties);
    return {};
  }

  static std::string_view times_of(std::string_view properties) {
    if (properties.empty()) return {};
    if (const std::string_view times = member_of(properties, "coordTimes"); !times.empty()) return times;
    const std::string_view beside = member_of(properties, "coordinateProperties");
    return is_of(beside, JsonKind::object) ? member_of(beside, "times") : std::string_view();
  }

  void line(std::string_view coordinates, std::string_view times, std::string_view properties) {
    if (!is_of(coordinates, JsonKind::array)) return;
    JsonWalk places(coordinates);
    JsonWalk moments(is_of(times, JsonKind::array) ? times : std::string_view("[]"));
    for (std::string_view place; places.next_element(place);) {
      std::string_view time;
      if (!moments.next_element(time)) time = {};
      JsonWriter writer;
      writer.begin_object();
      for (const std::string_view name : {"order_id", "deliverer_id"}) write_owner(writer, name, properties);
      write_place(writer, place);
      if (!time.empty()) writer.key("timestamp").raw(time);
      points.push_back(writer.end_object().take());
    }
  }

  void point(std::string_view place, std::string_view properties) {
    JsonWriter writer;
    writer.begin_object();
    for (const std::string_view name : {"order_id", "deliverer_id"})
      if (properties.empty() || member_of(properties, name).empty()) write_owner(writer, name, {});
    write_place(writer, place);
    if (!properties.empty()) {
      std::string_view time = member_of(properties, "time");
      if (time.empty()) time = element_of(times_of(properties), 0);
      if (!time.empty() && member_of(properties, "timestamp").empty()) writer.key("timestamp").raw(time);
      writer.members(properties);
    }
    points.push_back(writer.end_object().take());
  }

  void write_owner(JsonWriter& writer, std::string_view name, std::string_view properties) const {
    const std::string_view own = properties.empty() ? std::string_view() : member_of(properties, name);
    const std::string& known = name == "order_id" ? owner_.order : owner_.deliverer;
    if (!own.empty())
      writer.key(name).raw(own);
    else if (!known.empty())
      writer.key(name).text(known);
  }

  static void write_place(JsonWriter& writer, std::string_view place) {
    constexpr std::array<std::string_view, 3> names = {"longitude", "latitude", "altitude"};
    for (size_t i = 0; i < names.size(); ++i)
      if (const std::string_view value = element_of(place, i); !value.empty()) writer.key(names[i]).raw(value);
  }

  const RideOwner& owner_;
};

}  // namespace

Result<std::vector<std::string>> geojson_ride_to_json(std::string_view geojson, const RideOwner& owner) {
  JsonChecker checker;
  const std::string_view value = json_trimmed(geojson);
  TRY(checker.check(value));
  Ride ride(owner);
  TRY(ride.document(value));
  return std::move(ride.points);
}

}  // namespace waybill::wire
