#include "domain/order.h"

#include <algorithm>

namespace waybill {
namespace {

// Whoever had it before has it until `from`; what began at or after `from` never was.
void assign(Order& order, const DelivererId& deliverer, Time from) {
  std::erase_if(order.assignments, [&](const Assignment& assignment) { return assignment.from >= from; });
  if (!order.assignments.empty()) {
    Assignment& before = order.assignments.back();
    if (!before.to || *before.to > from) {
      if (before.deliverer == deliverer) {
        before.to.reset();
        return;
      }
      before.to = from;
    }
  }
  order.assignments.push_back({.deliverer = deliverer, .from = from, .to = std::nullopt});
}

void end_assignments(Order& order, Time at) {
  std::erase_if(order.assignments, [&](const Assignment& assignment) { return assignment.from >= at; });
  if (!order.assignments.empty() && (!order.assignments.back().to || *order.assignments.back().to > at))
    order.assignments.back().to = at;
}

Result<void> check_assignments(const OrderId& order, std::vector<Assignment>& assignments) {
  const std::string where = "order " + order.text + ": assignments: ";
  if (assignments.size() > assignments_max)
    return fail(Code::invalid, where + "more than " + std::to_string(assignments_max));
  std::ranges::stable_sort(assignments, {}, &Assignment::from);
  for (size_t i = 0; i < assignments.size(); ++i) {
    if (assignments[i].to && *assignments[i].to <= assignments[i].from)
      return fail(Code::invalid, where + "a period must end after it begins");
    if (i > 0 && (!assignments[i - 1].to || *assignments[i - 1].to > assignments[i].from))
      return fail(Code::invalid, where + "an order has one deliverer at a time, two periods overlap");
  }
  return {};
}

void take_put(Order& order, const OrderCommand& command) {
  if (command.destination) order.destination = command.destination;
  if (command.promised_at) order.promised_at = command.promised_at;
  if (command.sequence) order.sequence = command.sequence;
  if (!command.attributes.empty()) order.attributes = command.attributes;
  if (command.assignments) {
    order.assignments = *command.assignments;
    order.assigned = !order.assignments.empty();
  } else if (command.deliverer) {
    const bool same = !order.assignments.empty() && !order.assignments.back().to &&
                      order.assignments.back().deliverer == *command.deliverer;
    // Saying again who has it changes nothing, unless it says since when.
    if (!same || command.at) assign(order, *command.deliverer, command.effective());
    order.deliverer = command.deliverer;
    order.assigned = true;
  }
}

}  // namespace

std::string_view to_string(OrderCommand::Kind kind) {
  switch (kind) {
    case OrderCommand::Kind::put: return "put";
    case OrderCommand::Kind::reassign: return "reassign";
    case OrderCommand::Kind::close: return "close";
    case OrderCommand::Kind::cancel: return "cancel";
    case OrderCommand::Kind::silent: return "silent";
  }
  return "";
}

std::string_view to_string(OrderState state) {
  switch (state) {
    case OrderState::open: return "open";
    case OrderState::start: return "start";
    case OrderState::on_the_way: return "on_the_way";
    case OrderState::arrived: return "arrived";
    case OrderState::closed: return "closed";
    case OrderState::cancelled: return "cancelled";
  }
  return "";
}

std::optional<OrderState> parse_order_state(std::string_view text) {
  for (OrderState state : {OrderState::open, OrderState::start, OrderState::on_the_way, OrderState::arrived,
                           OrderState::closed, OrderState::cancelled})
    if (text == to_string(state)) return state;
  return std::nullopt;
}

OrderState Order::state() const {
  if (cancelled_at) return OrderState::cancelled;
  if (closed_at && !(start_time && *start_time > *closed_at)) return OrderState::closed;
  switch (delivery_state) {
    case DeliveryState::none: return OrderState::open;
    case DeliveryState::start: return OrderState::start;
    case DeliveryState::on_the_way: return OrderState::on_the_way;
    case DeliveryState::arrived: return OrderState::arrived;
  }
  return OrderState::open;
}

bool Order::under_way() const {
  const OrderState now = state();
  return now == OrderState::start || now == OrderState::on_the_way;
}

Result<Order> apply(Order order, const OrderCommand& command) {
  if (command.kind == OrderCommand::Kind::silent) {
    // Something may have come in while it was being said.
    if (order.under_way() && order.updated_at <= command.effective()) {
      order.silent_since = command.effective();
      order.silence_reason = command.reason;
    }
    return order;
  }
  if (order.created_at == Time{}) order.created_at = command.received_at;
  order.updated_at = std::max(order.updated_at, command.received_at);
  if (order.id.text.empty()) order.id = command.order;
  switch (command.kind) {
    case OrderCommand::Kind::put: take_put(order, command); break;
    case OrderCommand::Kind::reassign:
      if (!command.deliverer)
        return fail(Code::invalid, "order " + command.order.text + ": reassign names no deliverer");
      assign(order, *command.deliverer, command.effective());
      order.deliverer = command.deliverer;
      order.assigned = true;
      break;
    case OrderCommand::Kind::close:
      order.closed_at = command.effective();
      end_assignments(order, command.effective());
      hear_of(order);
      break;
    case OrderCommand::Kind::cancel:
      order.cancelled_at = command.effective();
      end_assignments(order, command.effective());
      hear_of(order);
      break;
    case OrderCommand::Kind::silent: break;
  }
  TRY(check_assignments(order.id, order.assignments));
  if (command.assignments && order.assigned) order.deliverer = order.assignments.back().deliverer;
  return order;
}

bool is_of_others(const Order& order, std::string_view deliverer) {
  return !order.assignments.empty() && std::ranges::none_of(order.assignments, [&](const Assignment& assignment) {
    return assignment.deliverer.text == deliverer;
  });
}

void hear_of(Order& order) {
  order.silent_since.reset();
  order.silence_reason.clear();
}

void apply(Order& order, const Location& location) {
  if (order.created_at == Time{}) order.created_at = location.received_at;
  order.updated_at = std::max(order.updated_at, location.received_at);
  if (order.id.text.empty()) order.id = *location.order;
  hear_of(order);
  if (is_ahead(location)) return;
  if (location.state != DeliveryState::none &&
      (order.delivery_state == DeliveryState::none || location.fix_time > order.state_time ||
       (location.fix_time == order.state_time && location.state > order.delivery_state))) {
    order.delivery_state = location.state;
    order.state_time = location.fix_time;
  }
  if (location.state == DeliveryState::start && (!order.start_time || location.fix_time > *order.start_time))
    order.start_time = location.fix_time;
}

}  // namespace waybill
