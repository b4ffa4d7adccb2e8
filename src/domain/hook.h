// domain/hook.h — a webhook: where it is told what happens, and which kinds of it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "domain/event.h"

namespace waybill {

class EventKinds {
 public:
  constexpr EventKinds() = default;
  constexpr EventKinds(std::initializer_list<Event::Kind> kinds) {
    for (const Event::Kind kind : kinds) bits_ |= bit(kind);
  }
  static constexpr EventKinds of_bits(uint64_t bits) {
    EventKinds kinds;
    kinds.bits_ = static_cast<uint8_t>(bits & all_bits);
    return kinds;
  }
  static constexpr uint64_t all_bits = (1 << 6) - 1;

  constexpr bool has(Event::Kind kind) const { return (bits_ & bit(kind)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint8_t bits() const { return bits_; }
  constexpr EventKinds& operator|=(EventKinds other) {
    bits_ |= other.bits_;
    return *this;
  }
  constexpr bool operator==(const EventKinds&) const = default;

 private:
  static constexpr uint8_t bit(Event::Kind kind) { return static_cast<uint8_t>(1 << static_cast<unsigned>(kind)); }
  uint8_t bits_ = 0;
};

// What is said of a webhook: that it is there from here on, as it says, or that it is removed.
struct Hook {
  std::string id;
  bool removed = false;
  std::string url;
  EventKinds events;
  Time at{};         // our clock
  std::string by;    // who did it
  std::string note;  // for people

  bool operator==(const Hook&) const = default;
};

// What a webhook is told where it does not say: not where everybody is, all the time.
inline constexpr EventKinds hook_events_usual = {Event::Kind::state, Event::Kind::assigned, Event::Kind::silent,
                                                 Event::Kind::heard};
inline constexpr size_t hooks_max = 100;            // at a time; one more is refused
inline constexpr size_t hook_id_bytes_max = 64;
inline constexpr size_t hook_url_bytes_max = 2048;

// How far the telling has come.
struct HookStanding {
  bool failed = false;      // it is told nothing more until somebody asks for it
  std::string why;          // of the last that went wrong; of one that failed why it did
  std::string next;         // id of the first event that may not have been told
  size_t waiting = 0;       // events at hand that are not told yet
  std::optional<Time> since;  // our clock, of the oldest of them
};

// It is a part of file names: letters, digits, - and _.
bool is_hook_id(std::string_view text);

}  // namespace waybill
