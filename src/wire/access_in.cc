#include "wire/access_in.h"

#include <array>

#include "wire/item_in.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

constexpr std::array<std::string_view, 7> names = {"role", "subject", "days", "hours", "note", "name", "password"};

bool read_member(size_t which, std::string_view value, FieldReader& fields, AccessInput& into) {
  const std::string_view field = names[which];
  switch (which) {
    case 0: {
      std::string role;
      if (!fields.text(field, value, role)) return false;
      into.role = parse_role(role);
      return into.role ? true : fields.refuse(field, "expected deliverer, customer, service, operator or admin");
    }
    case 1: {
      bool integer = false;
      return fields.id(field, value, into.subject, integer);
    }
    case 2: return fields.integer(field, value, into.days.emplace());
    case 3: return fields.integer(field, value, into.hours.emplace());
    case 4: return fields.text(field, value, into.note);
    case 5: return fields.text(field, value, into.name);
    default: return fields.text(field, value, into.password);
  }
}

bool read_members(std::string_view object, FieldReader& fields, AccessInput& into) {
  if (kind_of(object) != JsonKind::object) return fields.refuse("body", "expected a JSON object");
  JsonWalk walk(object);
  std::array<bool, names.size()> given{};
  std::string_view literal, value;
  while (walk.next_member(literal, value)) {
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

std::expected<AccessInput, ItemFailure> read_access_input(std::string_view body) {
  AccessInput input;
  if (json_trimmed(body).empty()) return input;
  JsonChecker checker;
  if (const auto good = checker.check(body); !good)
    return std::unexpected(ItemFailure{.field = "body", .reason = good.error().message, .raw = {}});
  FieldReader fields({}, NumberForm::json);
  if (!read_members(json_trimmed(body), fields, input)) return std::unexpected(fields.failure());
  return input;
}

}  // namespace waybill::wire
