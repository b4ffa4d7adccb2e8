#include <pugixml.hpp>

#include "domain/id.h"
#include "wire/json_out.h"
#include "wire/json_text.h"
#include "wire/tables_in.h"

namespace waybill::wire {
namespace {

// Without the prefix of its namespace.
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

// Of the point itself (GPX 1.0) or of its extensions, whatever their namespace.
std::string_view value_of(const pugi::xml_node& point, std::string_view name) {
  const pugi::xml_node found = point.find_node([&](const pugi::xml_node& node) { return local_name(node) == name; });
  return json_trimmed(found.child_value());
}

void write_number(JsonWriter& writer, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  writer.key(name);
  if (is_json_number(value))
    writer.raw(value);
  else
    writer.text(value);
}

enum class Untimed : uint8_t { left_out, given };

std::string point_to_json(const pugi::xml_node& point, std::string_view time, std::string_view deliverer,
                          std::string_view order) {
  JsonWriter writer;
  writer.begin_object();
  if (!order.empty()) writer.key("order_id").text(order);
  if (!deliverer.empty()) writer.key("deliverer_id").text(deliverer);
  write_number(writer, "latitude", json_trimmed(point.attribute("lat").value()));
  write_number(writer, "longitude", json_trimmed(point.attribute("lon").value()));
  if (!time.empty()) writer.key("timestamp").text(time);
  write_number(writer, "altitude", value_of(point, "ele"));
  write_number(writer, "speed", value_of(point, "speed"));
  write_number(writer, "heading", value_of(point, "course"));
  return writer.end_object().take();
}

// `named`: whose the track of this name is.
template <class Named>
Result<std::vector<std::string>> points_of(std::string_view gpx, Untimed untimed, std::string_view order,
                                           const Named& named) {
  pugi::xml_document document;
  const pugi::xml_parse_result result = document.load_buffer(gpx.data(), gpx.size());
  if (!result)
    return fail(Code::invalid, "GPX: at byte " + std::to_string(result.offset) + ": " + result.description());
  const pugi::xml_node root = document.document_element();
  if (local_name(root) != "gpx") return fail(Code::invalid, "GPX: the document is not a gpx");
  std::vector<std::string> points;
  for (const pugi::xml_node& track : root.children()) {
    if (local_name(track) != "trk") continue;
    std::string_view name = json_trimmed(track.child_value("name"));
    if (name.size() > id_bytes_max) name = {};
    const std::string_view deliverer = named(name);
    for (const pugi::xml_node& segment : track.children()) {
      if (local_name(segment) != "trkseg") continue;
      for (const pugi::xml_node& point : segment.children()) {
        const std::string_view time = json_trimmed(point.child_value("time"));
        if (local_name(point) == "trkpt" && (!time.empty() || untimed == Untimed::given))
          points.push_back(point_to_json(point, time, deliverer, order));
      }
    }
  }
  return points;
}

}  // namespace

Result<std::vector<std::string>> gpx_to_json(std::string_view gpx, const std::string& fallback_name) {
  const auto named = [&](std::string_view name) { return name.empty() ? std::string_view(fallback_name) : name; };
  return points_of(gpx, Untimed::left_out, {}, named);
}

Result<std::vector<std::string>> gpx_ride_to_json(std::string_view gpx, const RideOwner& owner) {
  const bool known = !owner.deliverer.empty() || !owner.order.empty();
  const auto named = [&](std::string_view name) { return known ? std::string_view(owner.deliverer) : name; };
  return points_of(gpx, Untimed::given, owner.order, named);
}

}  // namespace waybill::wire
