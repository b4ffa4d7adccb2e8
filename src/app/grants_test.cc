#include "app/grants.h"

#include <gtest/gtest.h>

namespace waybill::app {
namespace {

TEST(Grants, an_analyst_reads_treated_and_final_tables_unless_it_says_otherwise) {
  const Grants grants = default_grants();
  EXPECT_FALSE(may_read(grants, Role::analyst, "raw.deliverer_location"));
  EXPECT_TRUE(may_read(grants, Role::analyst, "treated.location"));
  EXPECT_TRUE(may_read(grants, Role::analyst, "final.fact_delivery"));
  EXPECT_TRUE(may_read(grants, Role::op, "raw.quarantine"));
  EXPECT_TRUE(may_read(grants, Role::admin, "raw.quarantine"));
  EXPECT_FALSE(may_read(grants, Role::service, "final.fact_delivery"));
  EXPECT_EQ(parse_grants(to_text(grants)), grants);
}

TEST(Grants, a_role_reads_the_zones_and_tables_that_it_is_given) {
  const auto grants = parse_grants(" analyst = final , raw.order_command ;");
  ASSERT_TRUE(grants);
  EXPECT_TRUE(may_read(*grants, Role::analyst, "final.x"));
  EXPECT_TRUE(may_read(*grants, Role::analyst, "raw.order_command"));
  EXPECT_FALSE(may_read(*grants, Role::analyst, "raw.order_commands"));
  EXPECT_FALSE(may_read(*grants, Role::analyst, "finale.x"));
  EXPECT_FALSE(may_read(*grants, Role::admin, "final.x"));
}

TEST(Grants, what_is_no_grant_is_refused) {
  for (const char* text : {"analyst", "analyst=", "guest=final", "deliverer=final", "analyst=final=raw",
                           "analyst=fi nal", "analyst=raw; analyst=final", "=raw", "analyst=Final"})
    EXPECT_FALSE(parse_grants(text)) << text;
}

}  // namespace
}  // namespace waybill::app
