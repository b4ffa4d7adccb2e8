// domain/event.h — something that happened to an order or a deliverer, as it is told to those who watch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/geo.h"
#include "domain/order.h"

namespace waybill {

struct Event {
  enum class Kind : uint8_t {
    location,    // a fix newer than all before it
    correction,  // one that came late, or is ahead of our clock: the track has changed, not the place
    state,       // the order's state has changed, or it has come into being
    assigned,    // another deliverer has the order
    silent,      // no news for a while
    heard,       // news again after that
  };
  Kind kind = Kind::location;
  uint64_t offset = 0;  // of the journal record that it came of
  std::optional<OrderId> order;  // missing where a deliverer without an order moved
  std::optional<DelivererId> deliverer;  // who has the order or sent the location, where it is known
  OrderState state = OrderState::open;  // the order's, now
  OrderState was = OrderState::open;  // and before; the same where it has not changed
  // What came, of a command the newest of the order; shared by the events of one location. null: there is none.
  std::shared_ptr<const Location> location;
  bool of_location = false;  // it came of that location, not of a command
  std::optional<Point> before;  // where its scope was before that
  Time at{};  // of a location its fix; else when it holds from; of silent: since when
  Time received_at{};  // our clock
  std::string reason;  // of silent: what the phone said of itself last, as "low_battery"
};

std::string_view to_string(Event::Kind kind);
std::optional<Event::Kind> parse_event_kind(std::string_view text);

}  // namespace waybill
