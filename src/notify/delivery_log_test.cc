#include "notify/delivery_log.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"

namespace waybill::notify {
namespace {

TEST(DeliveryLog, lets_go_of_what_cannot_be_written_and_goes_on_when_it_can) {
  const auto files = make_simulated_files(1);
  ASSERT_TRUE(files->make_folder("log"));
  DeliveryLog log(*files, "log", "h");
  files->fail_at(1, Code::unavailable, Failing::from_then_on);
  for (int i = 0; i < 3; ++i) {
    log.add({.id = "lost"});
    EXPECT_FALSE(log.write());
  }
  files->fail_no_more();
  log.add({.id = "kept"});
  ASSERT_TRUE(log.write());
  const auto page = log.read({.outcome = {}});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->deliveries.size(), 1u);
  EXPECT_TRUE(page->deliveries[0].starts_with(R"({"n":4,"state":"delivered","id":"kept")")) << page->deliveries[0];
}

}  // namespace
}  // namespace waybill::notify
