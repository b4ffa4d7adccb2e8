// domain/location.h — a location: where a deliverer, an order or both were, when, as it was sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/hash.h"
#include "domain/id.h"

namespace waybill {

enum class DeliveryState : uint8_t { none, start, on_the_way, arrived };

std::string_view to_string(DeliveryState state);  // "" for none
std::optional<DeliveryState> parse_delivery_state(std::string_view text);

// How the fix time was written, so that it can be given back so.
struct TimeForm {
  uint8_t digits = 3;  // of the fraction of a second, 0 … 6
  bool naive = false;  // without a zone

  bool operator==(const TimeForm&) const = default;
};

struct Location {
  std::optional<OrderId> order;          // at least one of order and deliverer is there
  std::optional<DelivererId> deliverer;
  DeliveryState state = DeliveryState::none;
  Time fix_time{};                       // the device's clock
  TimeForm fix_form;
  std::optional<Time> sent_at;           // the device's clock
  Time received_at{};                    // our clock
  double latitude = 0;                   // degrees, -90 … 90
  double longitude = 0;                  // degrees, -180 … 180
  std::optional<double> accuracy_m;      // radius, metres, >= 0
  std::optional<double> altitude_m;      // above sea, metres
  std::optional<double> speed_mps;       // metres a second, >= 0
  std::optional<double> heading_deg;     // clockwise from north, 0 … 360
  std::string client_id;                 // the sender's own id of this location; empty where there is none
  std::string attributes;                // every other field as sent: the text of a JSON object, or empty

  bool operator==(const Location&) const = default;
};

using EventId = Hash128;

// Whose a location is: "d" and the deliverer, or "o" and the order where no deliverer is named. The key of its partition,
// of its rows, and the scope of its client id.
std::string scope_of(const Location& location);

// The identity of a location (docs/FORMATS.md, Identity): of the scope and the client's id where there is one, else of
// order, deliverer, fix time, latitude, longitude and state as sent.
EventId event_id_of(const Location& location);
EventId event_id_of(std::string_view scope, std::string_view client_id);

// A fix further ahead of our clock than this is kept in the track, flagged, and never last.
inline constexpr Duration fix_ahead_max = std::chrono::minutes(5);
inline bool is_ahead(const Location& location) { return location.fix_time > location.received_at + fix_ahead_max; }

}  // namespace waybill
