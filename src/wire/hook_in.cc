#include "wire/hook_in.h"

#include <array>
#include <utility>

#include "wire/item_in.h"
#include "wire/json_text.h"

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

bool read_members(std::string_view object, FieldReader& fields, HookInput& into) {
  if (kind_of(object) != JsonKind::object) return fields.refuse("body", "expected a JSON object");
  JsonWalk walk(object);
  std::array<bool, names.size()> given{};
  for (std::string_view literal, value; walk.next_member(literal, value);) {
    const std::string name(fields.name(literal).value_or(std::string_view()));
    size_t which = 0;
    while (which < names.size() && names[which] != name) ++which;
    if (which == names.size()) return fields.refuse(made_utf8(name), "is not known here");
    if (std::exchange(given[which], true)) return fields.refuse(names[which], "is given twice");
    if (kind_of(value) == JsonKind::null) continue;
    if (!read_member(which, value, fields, into)) return false;
  }
  return true;
}

}  // namespace

std::expected<HookInput, ItemFailure> read_hook_input(std::string_view body) {
  HookInput input;
  if (json_trimmed(body).empty()) return input;
  JsonChecker checker;
  if (const auto good = checker.check(body); !good)
    return std::unexpected(ItemFailure{.field = "body", .reason = good.error().message, .raw = {}});
  FieldReader fields({}, NumberForm::json);
  if (!read_members(json_trimmed(body), fields, input)) return std::unexpected(fields.failure());
  return input;
}

}  // namespace waybill::wire
