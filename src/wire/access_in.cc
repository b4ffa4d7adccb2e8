#include "wire/access_in.h"

#include <array>

#include "wire/object_in.h"

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
      return into.role ? true
                       : fields.refuse(field, "expected deliverer, customer, service, operator, admin or analyst");
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

}  // namespace

std::expected<AccessInput, ItemFailure> read_access_input(std::string_view body) {
  AccessInput input;
  const auto read = read_object(body, names, [&](size_t which, std::string_view value, FieldReader& fields) {
    return read_member(which, value, fields, input);
  });
  if (!read) return std::unexpected(read.error());
  return input;
}

}  // namespace waybill::wire
