// domain/order.h — an order, what may be said of it, and the rules by which its state follows from what was said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/location.h"

namespace waybill {

struct Destination {
  double latitude = 0;   // degrees
  double longitude = 0;  // degrees
  std::string address;   // may be empty

  bool operator==(const Destination&) const = default;
};

// The deliverer has the order from `from` up to, not including, `to`; open where `to` is missing.
struct Assignment {
  DelivererId deliverer;
  Time from{};
  std::optional<Time> to;

  bool covers(Time time) const { return time >= from && (!to || time < *to); }
  bool operator==(const Assignment&) const = default;
};

// One thing said of an order. Fields that are missing say nothing.
struct OrderCommand {
  enum class Kind : uint8_t {
    put,       // create, or change what is given; with a deliverer: assign from `at`
    reassign,  // `deliverer` has it from `at`, whoever had it before has it until then
    close,     // done at `at`; locations after it are kept
    cancel,    // will not be delivered; stays so whatever the phone says
    silent,    // nothing was heard of it since `at`: said by us, of an order that is under way
  };
  Kind kind = Kind::put;
  OrderId order;
  std::optional<DelivererId> deliverer;
  std::optional<Destination> destination;
  std::optional<Time> promised_at;
  std::optional<int64_t> sequence;                    // the stop's place in the deliverer's round
  std::optional<Time> at;                             // when it holds from; our clock's `received_at` where missing
  std::optional<std::vector<Assignment>> assignments; // put only: corrects all of them at once
  Time received_at{};
  std::string reason;                                 // silent only: what the phone said of itself last
  std::string client_id;                              // a second command with it does nothing
  std::string attributes;                             // every other field: the text of a JSON object, or empty

  Time effective() const { return at.value_or(received_at); }
  bool operator==(const OrderCommand&) const = default;
};

std::string_view to_string(OrderCommand::Kind kind);

// open: known by a command, no location with a state yet. start … arrived follow the locations. closed, cancelled: told.
enum class OrderState : uint8_t { open, start, on_the_way, arrived, closed, cancelled };

std::string_view to_string(OrderState state);
std::optional<OrderState> parse_order_state(std::string_view text);

// What is remembered of an order. Commands are taken in the order of their positions; locations in any order.
struct Order {
  OrderId id;
  std::optional<DelivererId> deliverer;  // assigned, else who last named the order in a location
  bool assigned = false;  // by a command
  std::optional<Destination> destination;
  std::optional<Time> promised_at;
  std::optional<int64_t> sequence;
  std::vector<Assignment> assignments;  // sorted by from; one deliverer at a time
  std::string attributes;
  DeliveryState delivery_state = DeliveryState::none;  // of the newest fix that names the order and has a state
  Time state_time{};  // its fix time
  std::optional<Time> start_time;  // of the newest fix with state start
  std::optional<Time> closed_at;
  std::optional<Time> cancelled_at;
  std::optional<Time> silent_since;  // while nothing is heard of it: our clock, of the last that was
  std::string silence_reason;  // what its phone said of itself last; empty where it said nothing
  Time created_at{};  // our clock
  Time updated_at{};  // our clock; never goes back

  // closed, unless a start newer than the close reopened it; cancelled stays.
  OrderState state() const;
  bool under_way() const;  // start or on_the_way
  bool operator==(const Order&) const = default;
};

inline constexpr size_t assignments_max = 1000;  // an order with more is a mistake: the command is quarantined

// The order after the command. invalid where the command makes no sense for it (a period that ends before it begins,
// two deliverers at a time, more than assignments_max).
Result<Order> apply(Order order, const OrderCommand& command);

// It was assigned, and never to this deliverer: what they send of it would move another's order under the customer's eyes.
bool is_of_others(const Order& order, std::string_view deliverer);

// News of the order, by whichever way: it is not silent.
void hear_of(Order& order);

// The order after a location that names it; the location's fix decides, not when it came. A fix that is ahead changes nothing.
void apply(Order& order, const Location& location);

}  // namespace waybill
