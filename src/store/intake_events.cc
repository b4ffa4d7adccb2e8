// What put() tells while it takes: the events of a location and of a command, and who is heard of again.
#include <algorithm>
#include <utility>

#include "store/intake.h"

namespace waybill::store {
namespace {

// It has the order now, and had it then. Not whether `assigned` says so: a batch may have begun before.
bool has(const Order& order, const DelivererId& deliverer, Time at) {
  const DelivererId* holder = holder_of(order);
  if (holder == nullptr || *holder != deliverer) return false;
  return std::ranges::any_of(order.assignments, [&](const Assignment& assignment) {
    return assignment.deliverer == deliverer && assignment.covers(at);
  });
}

Event event_of(Event::Kind kind, uint64_t offset, const Order& order) {
  Event event{.kind = kind, .offset = offset, .order = order.id, .deliverer = order.deliverer};
  event.state = event.was = order.state();
  return event;
}

Event event_of(Event::Kind kind, uint64_t offset, const Order& order, const std::shared_ptr<const Location>& location) {
  Event event = event_of(kind, offset, order);
  if (location->deliverer) event.deliverer = location->deliverer;
  event.location = location;
  event.of_location = true;
  event.at = location->fix_time;
  event.received_at = location->received_at;
  return event;
}

}  // namespace

// Something came in while we were saying that nothing does.
Result<bool> Intake::has_been_heard(const OrderCommand& silent, const Order& order) {
  const DelivererId* holder = holder_of(order);
  if (holder == nullptr) return false;
  TRY_LET(const Deliverers::Slot* const of_deliverer, deliverer(*holder));
  return of_deliverer->row.row.updated_at > silent.effective();
}

Result<std::vector<std::string>> Intake::read_held(const DelivererId& deliverer) const {
  std::vector<std::string> ids;
  const std::string prefix = id_prefix(deliverer.text);
  const auto view = tables_.view();
  const auto assigned = view->cursor(Table::assigned, prefix);
  for (assigned->seek(prefix); assigned->valid() && ids.size() < deliverer_orders_max; assigned->next())
    ids.emplace_back(assigned->key().substr(prefix.size()));
  TRY(assigned->status());
  // What this batch has assigned stands in its rows only.
  for (const Orders::Slot* slot : orders_.changed()) {
    const DelivererId* holder = holder_of(slot->row.row.order);
    if (holder != nullptr && *holder == deliverer && std::ranges::find(ids, slot->id) == ids.end())
      ids.emplace_back(slot->id);
  }
  std::ranges::sort(ids);  // in the same order whatever the batch: an event is known by its number
  return ids;
}

void Intake::hand_over(const std::string& order, const DelivererId* from, const DelivererId* to) {
  if (from != nullptr && to != nullptr && *from == *to) return;
  if (from != nullptr)
    if (Deliverers::Slot* const slot = deliverers_.find(from->text); slot != nullptr && slot->row.held)
      std::erase(*slot->row.held, order);
  if (to == nullptr) return;
  Deliverers::Slot* const slot = deliverers_.find(to->text);
  if (slot == nullptr || !slot->row.held) return;
  std::vector<std::string>& ids = *slot->row.held;
  if (ids.size() >= deliverer_orders_max) return slot->row.held.reset();
  const auto place = std::ranges::lower_bound(ids, order);
  if (place == ids.end() || *place != order) ids.insert(place, order);
}

Result<std::vector<Intake::Orders::Slot*>> Intake::orders_of(const DelivererId& deliverer_id, Time at) {
  TRY_LET(Deliverers::Slot* const of_deliverer, deliverer(deliverer_id));
  if (!of_deliverer->row.held) {
    TRY_LET(of_deliverer->row.held, read_held(deliverer_id));
  }
  std::vector<Orders::Slot*> held;
  for (const std::string& id : *of_deliverer->row.held) {
    TRY_LET(Orders::Slot* const slot, order(id));
    if (has(slot->row.row.order, deliverer_id, at)) held.push_back(slot);
  }
  return held;
}

Result<void> Intake::hear_of_orders(uint64_t offset, const Location& location, Deliverers::Slot& of_deliverer) {
  TRY_LET(const std::vector<Orders::Slot*> held, orders_of(*location.deliverer, location.fix_time));
  for (Orders::Slot* slot : held) {
    Order& order = slot->row.row.order;
    if (!order.silent_since) continue;
    hear_of(order);
    orders_.change(*slot);
    if (told_)
      told_->push_back(event_of(Event::Kind::heard, offset, order, std::make_shared<const Location>(location)));
  }
  if (!held.empty()) of_deliverer.row.row.orders_silent = false;
  return {};
}

Result<Intake::Before> Intake::before(const Location& location, const Place& place, Orders::Slot* of_order,
                                      Deliverers::Slot* of_deliverer) const {
  const NewestRow& newest = of_order ? of_order->row.row.named : of_deliverer->row.row.newest;
  Before was{.newer = !is_ahead(location) && (newest.empty() || place > newest.place)};
  if (!newest.empty()) {
    TRY_LET(const Kept kept, decode_kept(newest.row));
    was.place = Point{kept.location.latitude, kept.location.longitude};
  }
  if (of_order) {
    was.state = of_order->row.row.order.state();
    was.silent = of_order->row.row.order.silent_since.has_value();
  }
  return was;
}

Result<void> Intake::tell(uint64_t offset, const Location& location, const Before& before, Orders::Slot* of_order) {
  const auto shared = std::make_shared<const Location>(location);
  const auto kind = before.newer ? Event::Kind::location : Event::Kind::correction;
  const auto add = [&](Event::Kind of_kind, const Order& order) -> Event& {
    told_->push_back(event_of(of_kind, offset, order, shared));
    return told_->back();
  };
  if (of_order) {
    const Order& order = of_order->row.row.order;
    if (before.silent) add(Event::Kind::heard, order);
    if (before.state != order.state()) add(Event::Kind::state, order).was = before.state;
    add(kind, order).before = before.place;
    return {};
  }
  TRY_LET(const std::vector<Orders::Slot*> held, orders_of(*location.deliverer, location.fix_time));
  for (const Orders::Slot* slot : held) add(kind, slot->row.row.order).before = before.place;
  if (held.empty())
    told_->push_back({.kind = kind,
                      .offset = offset,
                      .order = {},
                      .deliverer = location.deliverer,
                      .location = shared,
                      .of_location = true,
                      .before = before.place,
                      .at = location.fix_time,
                      .received_at = location.received_at,
                      .reason = {}});
  return {};
}

Result<void> Intake::tell(uint64_t offset, const OrderCommand& command, const Order& was, const OrderRow& row) {
  const Order& now = row.order;
  const bool fell_silent = now.silent_since && now.silent_since != was.silent_since;
  const bool changed = was.id.text.empty() ? !now.id.text.empty() : was.state() != now.state();
  const bool handed_over = now.deliverer && now.deliverer != was.deliverer;
  if (!fell_silent && !changed && !handed_over) return {};
  const NewestRow* newest = &row.named;
  if (const DelivererId* holder = holder_of(now)) {
    TRY_LET(const Deliverers::Slot* const of_holder, deliverer(*holder));
    if (!of_holder->row.row.loose.empty() && (newest->empty() || of_holder->row.row.loose.place > newest->place))
      newest = &of_holder->row.row.loose;
  }
  std::shared_ptr<const Location> last;
  if (!newest->empty()) {
    TRY_LET(Kept kept, decode_kept(newest->row));
    last = std::make_shared<const Location>(std::move(kept.location));
  }
  const auto add = [&](Event::Kind kind) -> Event& {
    Event& event = told_->emplace_back(event_of(kind, offset, now));
    event.at = command.effective();
    event.received_at = command.received_at;
    event.location = last;
    return event;
  };
  if (fell_silent) add(Event::Kind::silent).reason = now.silence_reason;
  if (changed) add(Event::Kind::state).was = was.state();
  if (handed_over) add(Event::Kind::assigned);
  return {};
}

}  // namespace waybill::store
