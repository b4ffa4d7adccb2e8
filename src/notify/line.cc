#include "notify/line.h"

#include <algorithm>

namespace waybill::notify {

void Line::add(EventPlace place, const std::string& whose, Time happened, Moment now) {
  read_to_ = place.next();
  waiting_.emplace(place, Event{.whose = whose, .happened = happened, .trying = {}});
  std::deque<EventPlace>& of_order = by_order_[whose];
  of_order.push_back(place);
  if (of_order.size() == 1) untried_.emplace(now, place);
}

std::optional<EventPlace> Line::take(Moment now, Rather rather) {
  const bool untried_first =
      tried_.empty() || (!untried_.empty() && (rather == Rather::untried || *untried_.begin() < *tried_.begin()));
  Waiting& from = untried_first ? untried_ : tried_;
  if (from.empty() || from.begin()->first > now) return std::nullopt;
  return from.extract(from.begin()).value().second;
}

void Line::done(EventPlace place, Moment now) {
  const auto event = waiting_.find(place);
  const auto of_order = by_order_.find(event->second.whose);
  of_order->second.pop_front();
  if (of_order->second.empty())
    by_order_.erase(of_order);
  else
    untried_.emplace(now, of_order->second.front());
  waiting_.erase(event);
}

void Line::again(EventPlace place, Moment not_before) { tried_.emplace(not_before, place); }

void Line::hurry() {
  Waiting now;
  for (const auto& [moment, place] : tried_) now.emplace(Moment{}, place);
  tried_ = std::move(now);
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
  if (tried_.empty() && untried_.empty()) return std::nullopt;
  if (tried_.empty() || untried_.empty()) return (tried_.empty() ? untried_ : tried_).begin()->first;
  return std::min(tried_.begin()->first, untried_.begin()->first);
}

}  // namespace waybill::notify
