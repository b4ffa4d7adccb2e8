#include "notify/line.h"

namespace waybill::notify {

void Line::add(EventPlace place, const std::string& whose, Time happened) {
  read_to_ = place.next();
  waiting_.emplace(place, Event{.whose = whose, .happened = happened, .trying = {}});
  std::deque<EventPlace>& of_order = by_order_[whose];
  of_order.push_back(place);
  if (of_order.size() == 1) ready_.emplace(Moment{}, place);
}

std::optional<EventPlace> Line::take(Moment now) {
  if (ready_.empty() || ready_.begin()->first > now) return std::nullopt;
  return ready_.extract(ready_.begin()).value().second;
}

void Line::done(EventPlace place) {
  const auto event = waiting_.find(place);
  const auto of_order = by_order_.find(event->second.whose);
  of_order->second.pop_front();
  if (of_order->second.empty())
    by_order_.erase(of_order);
  else
    ready_.emplace(Moment{}, of_order->second.front());
  waiting_.erase(event);
}

void Line::again(EventPlace place, Moment not_before) { ready_.emplace(not_before, place); }

void Line::hurry() {
  std::set<std::pair<Moment, EventPlace>> now;
  for (const auto& [moment, place] : ready_) now.emplace(Moment{}, place);
  ready_ = std::move(now);
}

std::optional<Time> Line::oldest() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->second.happened;
}

std::optional<Moment> Line::oldest_in_vain_since() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->second.trying.since;
}

std::optional<Moment> Line::due() const {
  if (ready_.empty()) return std::nullopt;
  return ready_.begin()->first;
}

}  // namespace waybill::notify
