// wire/event_out.h — an event as JSON, the same for every screen and every webhook.
#pragma once

#include <string>
#include <string_view>

#include "domain/event.h"
#include "wire/json_out.h"

namespace waybill::wire {

// "order.state", "order.location"; "deliverer.location" where a deliverer without an order moved.
std::string event_type(const Event& event);

// {order_id, deliverer_id, state, was, at, received_at, location: {…}, fix_age_ms, reason}. What is not known is left out: `was`
// where the state has not changed (of kind state: the order has come into being), location and fix_age_ms (as of `as_of`)
// where none is known, reason of other kinds than silent.
void write_event(JsonWriter& writer, const Event& event, const std::string& position, Time as_of);

}  // namespace waybill::wire
