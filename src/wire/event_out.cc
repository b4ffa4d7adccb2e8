#include "wire/event_out.h"

#include <algorithm>

namespace waybill::wire {

std::string event_type(const Event& event) {
  return std::string(event.order ? "order." : "deliverer.").append(to_string(event.kind));
}

void write_event(JsonWriter& writer, const Event& event, const std::string& position, Time as_of) {
  writer.begin_object();
  if (event.order) writer.key("order_id").id(*event.order);
  if (event.deliverer) writer.key("deliverer_id").id(*event.deliverer);
  if (event.order) writer.key("state").text(to_string(event.state));
  if (event.order && event.was != event.state) writer.key("was").text(to_string(event.was));
  writer.key("at").time(event.at).key("received_at").time(event.received_at);
  if (event.location) {
    writer.key("location");
    write_location(writer, *event.location, {.position = event.of_location ? position : std::string()});
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(as_of - event.location->fix_time);
    writer.key("fix_age_ms").integer(std::max<int64_t>(0, age.count()));
  }
  if (event.kind == Event::Kind::silent) {
    writer.key("reason");
    if (event.reason.empty())
      writer.null();
    else
      writer.text(event.reason);
  }
  writer.end_object();
}

}  // namespace waybill::wire
