#include "domain/access.h"

#include <array>
#include <utility>

namespace waybill {
namespace {

constexpr std::array<std::string_view, 6> role_names = {"deliverer", "customer", "service",
                                                        "operator",  "admin",    "analyst"};

}  // namespace

std::string_view to_string(Role role) { return role_names[static_cast<size_t>(role)]; }

std::optional<Role> parse_role(std::string_view text) {
  for (size_t i = 0; i < role_names.size(); ++i)
    if (role_names[i] == text) return static_cast<Role>(i);
  return std::nullopt;
}

bool may(Role role, Act act) {
  switch (act) {
    case Act::greet:
    case Act::identify: return true;
    case Act::write: return role == Role::deliverer || role == Role::service || role == Role::admin;
    case Act::command: return role == Role::service || role == Role::admin;
    case Act::share: return role == Role::service || role == Role::op || role == Role::admin;
    case Act::read_order: return role == Role::customer || role == Role::op || role == Role::admin;
    case Act::read:
    case Act::observe: return role == Role::op || role == Role::admin;
    case Act::query: return role == Role::analyst || role == Role::op || role == Role::admin;
    case Act::administer: return role == Role::admin;
  }
  return false;
}

std::string Principal::name() const {
  std::string name(to_string(role));
  if (!subject.empty()) name.append(" ").append(subject);
  return name;
}

std::string_view to_string(Grant::Kind kind) {
  switch (kind) {
    case Grant::Kind::token: return "token";
    case Grant::Kind::link: return "link";
    case Grant::Kind::password: return "password";
  }
  return "";
}

void apply(std::optional<Access>& access, const Grant& grant) {
  if (!grant.revoked) {
    if (access && access->revoked_at && grant.kind != Grant::Kind::password) return;
    access = Access{.given = grant, .revoked_at = {}, .revoked_by = {}};
    return;
  }
  // It may be of another issuer, so that we hear of it only now.
  if (!access) access = Access{.given = grant, .revoked_at = {}, .revoked_by = {}};
  if (access->revoked_at) return;
  access->given.revoked = false;
  access->revoked_at = grant.at;
  access->revoked_by = grant.by;
}

}  // namespace waybill
