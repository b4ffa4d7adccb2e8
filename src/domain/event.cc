#include "domain/event.h"

namespace waybill {

std::string_view to_string(Event::Kind kind) {
  switch (kind) {
    case Event::Kind::location: return "location";
    case Event::Kind::correction: return "correction";
    case Event::Kind::state: return "state";
    case Event::Kind::assigned: return "assigned";
    case Event::Kind::silent: return "silent";
    case Event::Kind::heard: return "heard";
  }
  return "";
}

std::optional<Event::Kind> parse_event_kind(std::string_view text) {
  for (const Event::Kind kind : {Event::Kind::location, Event::Kind::correction, Event::Kind::state,
                                 Event::Kind::assigned, Event::Kind::silent, Event::Kind::heard})
    if (text == to_string(kind)) return kind;
  return std::nullopt;
}

}  // namespace waybill
