// notify/line.h — the events that one webhook has still to be told: which may go now, and which wait for others.
//
// Order:   of one order an event goes only when all before it are done; those of different orders do not wait for each other.
//          Those that may go do so in the order in which they came to that: neither what is new nor what is tried again keeps
//          the other waiting for ever.
// Limits:  waiting_max events at a time: what comes behind waits in the outbox, for all orders.
// Threads: one at a time.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "store/questions.h"

namespace waybill::notify {

inline constexpr size_t waiting_max = 10'000;

using Moment = std::chrono::steady_clock::time_point;
using store::EventPlace;

class Line {
 public:
  explicit Line(EventPlace next) : read_to_(next) {}

  // What was read next from the outbox, in its order: to be told, or not wanted.
  void add(EventPlace place, const std::string& whose, Time happened, Moment now);
  void pass(EventPlace place) { read_to_ = place.next(); }
  bool full() const { return waiting_.size() >= waiting_max; }
  EventPlace read_to() const { return read_to_; }

  // One that may go now; it is on its way until done() or again(). untried: rather one that was not tried before, where there
  // is one: it says more of a receiver that has refused the others.
  enum class Rather : uint8_t { longest_waiting, untried };
  std::optional<EventPlace> take(Moment now, Rather rather);
  void done(EventPlace place, Moment now);
  void again(EventPlace place, Moment not_before);
  void hurry();  // those that wait for their time may go at once

  struct Trying {
    uint32_t attempts = 0;
    std::optional<Moment> since;  // the first of them that was in vain
  };
  Trying& trying(EventPlace place) { return waiting_.at(place).trying; }
  bool has(EventPlace place) const { return waiting_.contains(place); }

  EventPlace next() const { return waiting_.empty() ? read_to_ : waiting_.begin()->first; }  // all before it are done
  size_t waiting() const { return waiting_.size(); }
  std::optional<Time> oldest() const;
  std::optional<Moment> oldest_in_vain_since() const;
  std::optional<Moment> due() const;  // when the next may go; nothing where all are on their way

 private:
  struct Event {
    std::string whose;
    Time happened{};
    Trying trying;
  };
  EventPlace read_to_;
  std::map<EventPlace, Event> waiting_;
  std::unordered_map<std::string, std::deque<EventPlace>> by_order_;
  using Waiting = std::set<std::pair<Moment, EventPlace>>;  // until then
  Waiting untried_;  // the first of each order, unless it is on its way
  Waiting tried_;
};

}  // namespace waybill::notify
