#include "serve/views.h"

#include <algorithm>
#include <cmath>

#include "serve/problem.h"

namespace waybill::serve {
namespace {

void write_time_or_null(wire::JsonWriter& writer, std::string_view name, const std::optional<Time>& time) {
  writer.key(name);
  if (time)
    writer.time(*time);
  else
    writer.null();
}

void write_destination(wire::JsonWriter& writer, const Order& order) {
  writer.key("destination");
  if (!order.destination) {
    writer.null();
    return;
  }
  writer.begin_object().key("latitude").number(order.destination->latitude);
  writer.key("longitude").number(order.destination->longitude);
  if (!order.destination->address.empty()) writer.key("address").text(order.destination->address);
  writer.end_object();
}

}  // namespace

std::string Views::order(const store::OrderView& view, Time now) const {
  wire::JsonWriter json;
  write_order(json, view, now);
  return json.take();
}

void Views::write_order(wire::JsonWriter& writer, const store::OrderView& view, Time now) const {
  const Order& order = view.order;
  writer.begin_object().key("order_id").id(order.id).key("deliverer_id");
  if (order.deliverer)
    writer.id(*order.deliverer);
  else
    writer.null();
  writer.key("state").text(to_string(order.state()));
  write_last(writer, view.last, now);
  writer.key("stale").boolean(stale(view, now));
  write_time_or_null(writer, "silent_since", order.silent_since);
  writer.key("silence_reason");
  if (order.silence_reason.empty())
    writer.null();
  else
    writer.text(order.silence_reason);
  write_destination(writer, order);
  write_time_or_null(writer, "promised_at", order.promised_at);
  writer.key("sequence");
  if (order.sequence)
    writer.integer(*order.sequence);
  else
    writer.null();
  writer.key("assignments").begin_array();
  for (const Assignment& assignment : order.assignments) {
    writer.begin_object().key("deliverer_id").id(assignment.deliverer).key("from").time(assignment.from);
    write_time_or_null(writer, "to", assignment.to);
    writer.end_object();
  }
  writer.end_array();
  if (!order.attributes.empty()) writer.key("attributes").raw(order.attributes);
  write_time_or_null(writer, "closed_at", order.closed_at);
  write_time_or_null(writer, "cancelled_at", order.cancelled_at);
  writer.key("created_at").time(order.created_at).key("updated_at").time(order.updated_at);
  writer.end_object();
}

std::string Views::deliverer(const store::DelivererView& view) const {
  wire::JsonWriter json;
  json.begin_object().key("deliverer_id").id(view.id);
  write_last(json, view.last, parts_.clock.now());
  json.key("orders").begin_array();
  for (const OrderId& assigned : view.orders) json.id(assigned);
  json.end_array().key("updated_at").time(view.updated_at);
  write_as_of(json);
  json.end_object();
  return json.take();
}

void Views::write_kept(wire::JsonWriter& writer, const store::Kept& kept) const {
  wire::write_location(writer, kept.location, {.position = to_string(parts_.journal.position(kept.offset))});
}

void Views::write_last(wire::JsonWriter& writer, const std::optional<store::Kept>& last, Time now) const {
  writer.key("last");
  if (!last) {
    writer.null().key("fix_age_ms").null();
    return;
  }
  write_kept(writer, *last);
  writer.key("fix_age_ms").integer(age_ms(last->location, now));
}

void Views::write_as_of(wire::JsonWriter& writer) const {
  const uint64_t visible = parts_.progress.visible();
  writer.key("as_of");
  if (visible == 0)
    writer.null();
  else
    writer.text(to_string(parts_.journal.position(visible - 1)));
}

bool Views::stale(const store::OrderView& view, Time now) const {
  return !view.last || now - view.last->location.fix_time > parts_.options.stale_after;
}

int64_t Views::age_ms(const Location& location, Time now) {
  return std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(now - location.fix_time).count());
}

// The movement alone: nothing of who drives, of the phone, or of what else it sent.
Location Views::for_customer(const Location& location) {
  Location seen;
  seen.order = location.order;
  seen.state = location.state;
  seen.fix_time = location.fix_time;
  seen.fix_form = location.fix_form;
  seen.received_at = location.received_at;
  seen.latitude = location.latitude;
  seen.longitude = location.longitude;
  seen.accuracy_m = location.accuracy_m;
  seen.speed_mps = location.speed_mps;
  seen.heading_deg = location.heading_deg;
  return seen;
}

bool Views::in_its_time(const store::OrderView& view) const {
  return within_its_time(parts_.options.privacy, view.order, parts_.clock.now());
}

// What the privacy rule lets a customer see of an order now, before anything of it is written; 410 when its time is over.
std::expected<Views::Seen, Reply> Views::seen_by_customer(const store::OrderView& view) const {
  if (!in_its_time(view))
    return std::unexpected(
        reply_of(Problem{.status = 410, .detail = "the time in which this order could be seen is over"}));
  auto left = way_left(view);
  if (!left) return std::unexpected(reply_of(left.error()));
  return Seen{.sight = sight_of(parts_.options.privacy, view.order, *left), .left = *left};
}

Result<WayLeft> Views::way_left(const store::OrderView& view) const {
  WayLeft left;
  if (view.order.sequence && view.order.deliverer) {
    TRY_LET(const auto deliverer, parts_.store.deliverer(*view.order.deliverer));
    for (const OrderId& id : deliverer ? deliverer->orders : std::vector<OrderId>()) {
      TRY_LET(const auto other, parts_.store.order(id));
      if (other && other->order.sequence && *other->order.sequence < *view.order.sequence) ++left.stops_before;
    }
  }
  if (!view.order.destination || !view.last) return left;
  const Location& last = view.last->location;
  left.metres = distance_m({last.latitude, last.longitude},
                           {view.order.destination->latitude, view.order.destination->longitude});
  constexpr auto recent = std::chrono::minutes(10);
  constexpr size_t recent_max = 500;
  TRY_LET(const auto track, parts_.store.track({.order = view.order.id,
                                                .deliverer = {},
                                                .from = last.fix_time - recent,
                                                .to = {},
                                                .limit = recent_max,
                                                .cursor = {}}));
  std::vector<Location> locations;
  for (const store::Kept& kept : track.locations) locations.push_back(kept.location);
  left.minutes = minutes_left(*left.metres, locations);
  return left;
}

// What a customer needs and no more: nothing of the deliverer, of other orders, of how the server keeps it.
std::string Views::customers_order(const store::OrderView& view, const Seen& seen) const {
  const Order& order = view.order;
  const Time now = parts_.clock.now();
  wire::JsonWriter json;
  json.begin_object().key("order_id").id(order.id).key("state").text(to_string(order.state()));
  json.key("position").text(seen.sight == Sight::exact ? "exact" : seen.sight == Sight::area ? "area" : "none");
  const bool placed = view.last && seen.sight != Sight::nothing;
  json.key("last");
  if (placed)
    write_seen(json, view.last->location, seen.sight);
  else
    json.null();
  json.key("fix_age_ms");
  if (placed)
    json.integer(age_ms(view.last->location, now));
  else
    json.null();
  json.key("stale").boolean(stale(view, now));
  write_time_or_null(json, "silent_since", order.silent_since);
  json.key("stops_before").integer(seen.left.stops_before);
  const bool exact = placed && seen.sight == Sight::exact;
  json.key("metres_left");
  if (exact && seen.left.metres)
    json.number(std::round(*seen.left.metres));
  else
    json.null();
  json.key("minutes_left_estimate");
  if (exact && seen.left.minutes)
    json.number(std::ceil(*seen.left.minutes));
  else
    json.null();
  write_destination(json, order);
  write_time_or_null(json, "promised_at", order.promised_at);
  write_time_or_null(json, "closed_at", order.closed_at);
  json.end_object();
  return json.take();
}

void Views::write_seen(wire::JsonWriter& json, const Location& location, Sight sight) const {
  const Point place{location.latitude, location.longitude};
  const Point shown = sight == Sight::exact ? place : area_centre(place, parts_.options.privacy.area_m);
  json.begin_object().key("latitude").number(shown.latitude).key("longitude").number(shown.longitude);
  if (sight == Sight::area) json.key("radius_m").number(parts_.options.privacy.area_m);
  json.key("timestamp").time(location.fix_time).end_object();
}

Time Views::trail_begin(const store::OrderView& view, const Seen& seen) const {
  const bool shown = seen.sight == Sight::exact && view.last;
  return shown ? view.last->location.fix_time - parts_.options.privacy.trail : Time::max();
}

}  // namespace waybill::serve
