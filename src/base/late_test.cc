#include "base/late.h"

#include <gtest/gtest.h>

namespace waybill {
namespace {

// A library of the system's.
constexpr auto libm = "libm.so.6";

TEST(Late, what_a_library_offers_is_there_when_it_is_asked_for) {
  auto square_root = late_symbol(libm, "sqrt");
  ASSERT_TRUE(square_root) << square_root.error().message;
  EXPECT_EQ(reinterpret_cast<double (*)(double)>(*square_root)(49), 7);
}

TEST(Late, a_library_that_is_not_there_is_unavailable_and_named) {
  auto nothing = late<int>("waybill_nothing");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::unavailable);
  EXPECT_NE(nothing.error().message.find("load waybill_nothing.so: "), std::string::npos) << nothing.error().message;
}

TEST(Late, what_a_library_does_not_have_is_unavailable_and_named) {
  auto nothing = late_symbol(libm, "hypercube_root");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::unavailable);
  EXPECT_NE(nothing.error().message.find("hypercube_root"), std::string::npos) << nothing.error().message;
}

}  // namespace
}  // namespace waybill
