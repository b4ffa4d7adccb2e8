#include "base/machine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "base/process.h"

namespace waybill {
namespace {

std::string scratch(const std::string& name) { return join_path(testing::TempDir(), name); }

TEST(Machine, knows_the_file_system_of_a_folder) {
  const auto here = file_system_of(testing::TempDir());
  ASSERT_TRUE(here) << here.error().message;
  EXPECT_FALSE(here->kind.empty());
  EXPECT_GE(here->size_bytes, here->free_bytes);
  const auto nowhere = file_system_of(scratch("no_such_folder"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::not_found);
}

TEST(Machine, knows_a_file_system_in_memory) {
  const auto devices = file_system_of("/dev/shm");
  if (!devices) GTEST_SKIP() << "there is no /dev/shm";
  EXPECT_EQ(devices->kind, "tmpfs");
  EXPECT_EQ(devices->medium, Medium::memory);
}

TEST(Machine, says_who_holds_a_lock) {
  const std::string path = scratch("machine_test_lock");
  {
    const auto lock = system_files().lock(path);
    ASSERT_TRUE(lock);
    const auto holder = lock_holder(path);
    ASSERT_TRUE(holder) << holder.error().message;
    ASSERT_TRUE(holder->has_value());
    EXPECT_EQ(**holder, process_id());
  }
  const auto nobody = lock_holder(path);
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(nobody->has_value());
}

TEST(Machine, says_whether_an_address_can_be_listened_on) {
  EXPECT_TRUE(may_listen("127.0.0.1", 0));
  EXPECT_EQ(may_listen("nonsense", 0).error().code, Code::invalid);
  EXPECT_EQ(may_listen("192.0.2.1", 0).error().code, Code::invalid) << "an address of documentation, on no machine";
}

TEST(Files, a_folder_goes_with_all_that_is_in_it_and_nothing_that_a_link_leads_to) {
  const std::string kept = scratch("files_test_kept");
  const std::string gone = scratch("files_test_gone");
  Files& files = system_files();
  ASSERT_TRUE(files.make_folder(kept) && files.make_folder(gone + "/below"));
  ASSERT_TRUE(write_file_atomically(files, kept + "/file", "x") &&
              write_file_atomically(files, gone + "/below/file", "x"));
  std::filesystem::create_directory_symlink(kept, gone + "/link");
  EXPECT_TRUE(remove_with_content(files, gone));
  EXPECT_FALSE(files.info(gone));
  EXPECT_TRUE(files.info(kept + "/file"));
  EXPECT_TRUE(remove_with_content(files, gone)) << "it is not there, as asked";
}

TEST(Machine, tells_rights_and_limits) {
  const std::string path = scratch("machine_test_rights");
  ASSERT_TRUE(write_file_atomically(system_files(), path, "x"));
  const auto rights = rights_of(path);
  ASSERT_TRUE(rights);
  EXPECT_EQ(rights->owner, user_id());
  EXPECT_EQ(rights->mode & 0707, 0600u) << "files of ours are not for others";
  EXPECT_FALSE(rights->folder);
  const MachineLimits limits = machine_limits();
  EXPECT_GT(limits.open_files, 0u);
  EXPECT_GT(limits.memory_bytes, uint64_t{1} << 20);
  EXPECT_GT(limits.cores, 0u);
  EXPECT_TRUE(machine_kind().kernel.starts_with("Linux ")) << machine_kind().kernel;
}

}  // namespace
}  // namespace waybill
