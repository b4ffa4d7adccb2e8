#include "wire/track_out.h"

#include <pugixml.hpp>

#include <array>
#include <charconv>
#include <sstream>

#include "wire/json_out.h"
#include "wire/time_text.h"

namespace waybill::wire {
namespace {

std::string shortest(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

void write_point(JsonWriter& writer, const Location& location) {
  writer.begin_array().number(location.longitude).number(location.latitude);
  if (location.altitude_m) writer.number(*location.altitude_m);
  writer.end_array();
}

// Quoted only where it must be; an id that a spreadsheet would run as a formula is data and stays as it is.
void append_field(std::string& row, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    row += text;
    return;
  }
  row += '"';
  for (char c : text) {
    if (c == '"') row += '"';
    row += c;
  }
  row += '"';
}

void append_row(std::string& csv, const Location& location) {
  const auto number = [](const std::optional<double>& value) { return value ? shortest(*value) : std::string(); };
  const std::string fields[] = {location.order ? location.order->text : "",
                                location.deliverer ? location.deliverer->text : "",
                                std::string(to_string(location.state)),
                                format_time(location.fix_time, location.fix_form),
                                shortest(location.latitude),
                                shortest(location.longitude),
                                number(location.speed_mps),
                                number(location.accuracy_m),
                                number(location.altitude_m),
                                number(location.heading_deg),
                                location.sent_at ? format_time(*location.sent_at) : "",
                                format_time(location.received_at),
                                location.client_id,
                                location.attributes};
  for (size_t i = 0; i < std::size(fields); ++i) {
    if (i > 0) csv += ',';
    append_field(csv, fields[i]);
  }
  csv += "\r\n";
}

}  // namespace

std::string track_geojson(const std::string& name, std::span<const Location> track) {
  JsonWriter writer;
  writer.begin_object().key("type").text("Feature").key("geometry");
  if (track.empty()) {
    writer.null();
  } else if (track.size() == 1) {
    writer.begin_object().key("type").text("Point").key("coordinates");
    write_point(writer, track.front());
    writer.end_object();
  } else {
    writer.begin_object().key("type").text("LineString").key("coordinates").begin_array();
    for (const Location& location : track) write_point(writer, location);
    writer.end_array().end_object();
  }
  writer.key("properties").begin_object().key("name").text(name).key("coordTimes").begin_array();
  for (const Location& location : track) writer.time(location.fix_time, location.fix_form);
  writer.end_array().end_object().end_object();
  return writer.take();
}

std::string track_gpx(const std::string& name, std::span<const Location> track) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node gpx = document.append_child("gpx");
  gpx.append_attribute("version") = "1.1";
  gpx.append_attribute("creator") = "waybill";
  gpx.append_attribute("xmlns") = "http://www.topografix.com/GPX/1/1";
  pugi::xml_node trk = gpx.append_child("trk");
  trk.append_child("name").text() = name.c_str();
  pugi::xml_node segment;
  const Location* before = nullptr;
  for (const Location& location : track) {
    if (before == nullptr || location.fix_time - before->fix_time > gap_max) segment = trk.append_child("trkseg");
    before = &location;
    pugi::xml_node point = segment.append_child("trkpt");
    point.append_attribute("lat") = shortest(location.latitude).c_str();
    point.append_attribute("lon") = shortest(location.longitude).c_str();
    if (location.altitude_m) point.append_child("ele").text() = shortest(*location.altitude_m).c_str();
    point.append_child("time").text() = format_time(location.fix_time, location.fix_form).c_str();
  }
  std::ostringstream text;
  document.save(text, "  ");
  return text.str();
}

std::string track_csv(std::span<const Location> track) {
  std::string csv =
      "order_id,deliverer_id,delivery_state,timestamp,latitude,longitude,speed,accuracy,altitude,heading,sent_at,"
      "received_at,event_id,attributes\r\n";
  for (const Location& location : track) append_row(csv, location);
  return csv;
}

}  // namespace waybill::wire
