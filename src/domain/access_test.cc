#include "domain/access.h"

#include <gtest/gtest.h>

#include <vector>

namespace waybill {
namespace {

using Kind = Grant::Kind;

Grant given(Kind kind) { return {.kind = kind, .id = "x", .role = Role::service, .subject = "shop", .at = at_us(1)}; }
Grant taken(Kind kind) { return {.kind = kind, .id = "x", .revoked = true, .at = at_us(2), .by = "admin"}; }

std::optional<Access> all_of(const std::vector<Grant>& grants) {
  std::optional<Access> access;
  for (const Grant& grant : grants) apply(access, grant);
  return access;
}

TEST(Access, each_role_may_do_what_its_work_needs_and_no_more) {
  const std::vector<std::pair<Role, std::string>> table = {
      {Role::deliverer, "greet identify write "},
      {Role::customer, "greet identify read_order "},
      {Role::service, "greet identify write command share "},
      {Role::op, "greet identify share read_order read observe query "},
      {Role::admin,
       "greet identify write command share read_order read observe "
       "query administer "},
      {Role::analyst, "greet identify query "}};
  const std::vector<std::pair<Act, std::string>> acts = {
      {Act::greet, "greet"}, {Act::identify, "identify"},     {Act::write, "write"}, {Act::command, "command"},
      {Act::share, "share"}, {Act::read_order, "read_order"}, {Act::read, "read"},   {Act::observe, "observe"},
      {Act::query, "query"}, {Act::administer, "administer"}};
  for (const auto& [role, expected] : table) {
    std::string found;
    for (const auto& [act, name] : acts)
      if (may(role, act)) found += name + ' ';
    EXPECT_EQ(found, expected) << to_string(role);
    EXPECT_EQ(parse_role(to_string(role)), role);
  }
  EXPECT_FALSE(parse_role("root"));
}

TEST(Access, a_token_that_was_taken_back_stays_so_whatever_is_said_later) {
  for (const Kind kind : {Kind::token, Kind::link}) {
    const auto access = all_of({given(kind), taken(kind), given(kind)});
    ASSERT_TRUE(access);
    EXPECT_FALSE(access->holds_at(at_us(3)));
    EXPECT_EQ(access->revoked_by, "admin");
    EXPECT_EQ(access->given.subject, "shop");
  }
}

TEST(Access, a_password_that_is_set_again_holds_again) {
  EXPECT_TRUE(all_of({given(Kind::password), taken(Kind::password), given(Kind::password)})->holds_at(at_us(3)));
}

TEST(Access, a_credential_of_another_issuer_can_be_taken_back_though_it_was_never_seen) {
  EXPECT_FALSE(all_of({taken(Kind::token)})->holds_at(at_us(3)));
}

TEST(Access, a_credential_ends_when_it_expires) {
  Grant grant = given(Kind::token);
  grant.expires_at = at_us(10);
  EXPECT_TRUE(all_of({grant})->holds_at(at_us(9)));
  EXPECT_FALSE(all_of({grant})->holds_at(at_us(10)));
}

}  // namespace
}  // namespace waybill
