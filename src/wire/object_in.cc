#include "wire/object_in.h"

#include <algorithm>
#include <vector>

#include "wire/json_text.h"

namespace waybill::wire {
namespace {

bool read_members(std::string_view object, std::span<const std::string_view> names, const TakeField& take,
                  FieldReader& fields) {
  if (kind_of(object) != JsonKind::object) return fields.refuse("body", "expected a JSON object");
  JsonWalk walk(object);
  std::vector<bool> given(names.size());
  for (std::string_view literal, value; walk.next_member(literal, value);) {
    const std::string name(fields.name(literal).value_or(std::string_view()));
    const auto which = static_cast<size_t>(std::ranges::find(names, name) - names.begin());
    if (which == names.size()) return fields.refuse(made_utf8(name), "is not known here");
    if (given[which]) return fields.refuse(name, "is given twice");
    given[which] = true;
    if (kind_of(value) != JsonKind::null && !take(which, value, fields)) return false;
  }
  return true;
}

}  // namespace

std::expected<void, ItemFailure> read_object(std::string_view body, std::span<const std::string_view> names,
                                             const TakeField& take) {
  const std::string_view object = json_trimmed(body);
  if (object.empty()) return {};
  JsonChecker checker;
  if (const auto good = checker.check(body); !good)
    return std::unexpected(ItemFailure{.field = "body", .reason = good.error().message, .raw = {}});
  FieldReader fields({}, NumberForm::json);
  if (!read_members(object, names, take, fields)) return std::unexpected(fields.failure());
  return {};
}

}  // namespace waybill::wire
