#include "wire/hook_in.h"

#include <array>

#include "wire/json_text.h"
#include "wire/object_in.h"

namespace waybill::wire {
namespace {

constexpr std::array<std::string_view, 4> names = {"url", "events", "note", "from"};

bool read_events(std::string_view value, FieldReader& fields, std::optional<EventKinds>& into) {
  constexpr std::string_view expected =
      "expected a list with some of location, correction, state, assigned, silent, heard";
  if (kind_of(value) != JsonKind::array) return fields.refuse("events", std::string(expected));
  EventKinds kinds;
  JsonWalk walk(value);
  std::string scratch;
  for (std::string_view element; walk.next_element(element);) {
    std::optional<Event::Kind> kind;
    if (kind_of(element) == JsonKind::string)
      if (const auto text = json_string(element, scratch)) kind = parse_event_kind(*text);
    if (!kind) return fields.refuse("events", std::string(expected));
    kinds |= EventKinds{*kind};
  }
  if (kinds.empty()) return fields.refuse("events", std::string(expected));
  into = kinds;
  return true;
}

bool read_member(size_t which, std::string_view value, FieldReader& fields, HookInput& into) {
  switch (which) {
    case 0: return fields.text(names[which], value, into.url);
    case 1: return read_events(value, fields, into.events);
    case 2: return fields.text(names[which], value, into.note);
    default: return fields.text(names[which], value, into.from);
  }
}

}  // namespace

std::expected<HookInput, ItemFailure> read_hook_input(std::string_view body) {
  HookInput input;
  const auto read = read_object(body, names, [&](size_t which, std::string_view value, FieldReader& fields) {
    return read_member(which, value, fields, input);
  });
  if (!read) return std::unexpected(read.error());
  return input;
}

}  // namespace waybill::wire
