#include "base/child.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace waybill {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds long_enough{60'000};

TEST(Child, gives_its_exit_code_and_its_output) {
  const std::string output = testing::TempDir() + "child_output";
  const auto child = start_child({.program = "/bin/sh", .arguments = {"-c", "echo said; exit 3"}, .output = output});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ((*child)->wait(long_enough), 3);
  EXPECT_EQ((*child)->wait(milliseconds(0)), 3);
  EXPECT_EQ(read_file(system_files(), output), "said\n");
}

TEST(Child, is_asked_to_stop_and_says_which_signal_ended_it) {
  const auto child = start_child({.program = "/bin/sh", .arguments = {"-c", "while :; do :; done"}});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ((*child)->wait(milliseconds(0)), std::nullopt);
  EXPECT_TRUE((*child)->cpu_time());
  (*child)->ask_to_stop();
  EXPECT_EQ((*child)->wait(long_enough), 128 + 15);
}

TEST(Child, what_is_no_program_ends_with_127) {
  const auto child = start_child({.program = "/no/such/program"});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ((*child)->wait(long_enough), 127);
}

TEST(Child, does_not_get_the_variables_that_it_is_to_do_without) {
  const std::string output = testing::TempDir() + "child_environment";
  const auto child = start_child({.program = "/usr/bin/env", .output = output, .without = "PA"});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ((*child)->wait(long_enough), 0);
  const auto said = read_file(system_files(), output);
  ASSERT_TRUE(said);
  EXPECT_EQ(("\n" + *said).find("\nPATH="), std::string::npos) << *said;
}

TEST(Child, the_program_of_this_process_is_the_tests) {
  const auto program = own_program();
  ASSERT_TRUE(program);
  EXPECT_TRUE(program->ends_with("base_tests")) << *program;
}

}  // namespace
}  // namespace waybill
