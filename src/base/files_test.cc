// What both file systems, the machine's and the simulated one, do alike.
#include "base/files.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.h"
#include "base/simulated_files.h"

namespace waybill {
namespace {

class Ground {
 public:
  Ground() = default;
  virtual ~Ground() = default;
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;
  virtual Files& files() = 0;
  virtual std::string folder() const = 0;  // empty at first

  std::string at(const std::string& name) const { return join_path(folder(), name); }
  void write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file_atomically(files(), at(name), text));
  }
  std::string read(const std::string& name) {
    const auto text = read_file(files(), at(name));
    return text ? *text : "<" + std::string(to_string(text.error().code)) + ">";
  }
};

class MachineGround final : public Ground {
 public:
  MachineGround() { EXPECT_TRUE(files().make_folder(folder_)); }
  ~MachineGround() override { EXPECT_TRUE(remove_with_content(system_files(), folder_)); }
  Files& files() override { return system_files(); }
  std::string folder() const override { return folder_; }

 private:
  std::string folder_ = testing::TempDir() + "waybill-files-" + std::to_string(random_seed());
};

class MemoryGround final : public Ground {
 public:
  Files& files() override { return *files_; }
  std::string folder() const override { return ""; }

 private:
  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
};

class FilesOf : public testing::TestWithParam<std::unique_ptr<Ground> (*)()> {
 protected:
  std::unique_ptr<Ground> ground_ = GetParam()();
  Files& files_ = ground_->files();
};

TEST_P(FilesOf, a_new_name_is_taken_only_where_nothing_has_it) {
  ground_->write("a", "first");
  ground_->write("b", "second");
  ASSERT_TRUE(files_.rename_new(ground_->at("a"), ground_->at("c")));
  EXPECT_EQ(ground_->read("a"), "<not_found>");
  EXPECT_EQ(ground_->read("c"), "first");
  EXPECT_EQ(files_.rename_new(ground_->at("b"), ground_->at("c")).error().code, Code::conflict);
  EXPECT_EQ(ground_->read("b"), "second");
  EXPECT_EQ(ground_->read("c"), "first");
  ASSERT_TRUE(files_.make_folder(ground_->at("folder")));
  EXPECT_EQ(files_.rename_new(ground_->at("b"), ground_->at("folder")).error().code, Code::conflict);
  EXPECT_EQ(files_.rename_new(ground_->at("b"), ground_->at("no/b")).error().code, Code::not_found);
  EXPECT_EQ(files_.rename_new(ground_->at("no"), ground_->at("d")).error().code, Code::not_found);
}

TEST_P(FilesOf, of_several_who_want_a_new_name_at_the_same_time_one_gets_it) {
  constexpr int threads = 4;
  for (int round = 0; round < 20; ++round) {
    const std::string wanted = ground_->at("wanted" + std::to_string(round));
    for (int i = 0; i < threads; ++i) ground_->write("mine" + std::to_string(i), "x");
    std::atomic<int> first{0}, late{0};
    {
      std::vector<std::jthread> running;
      for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
          const auto renamed = files_.rename_new(ground_->at("mine" + std::to_string(i)), wanted);
          if (renamed) ++first;
          if (!renamed && renamed.error().code == Code::conflict) ++late;
        });
    }
    EXPECT_EQ(first, 1);
    EXPECT_EQ(late, threads - 1);
  }
}

template <class Kind>
std::unique_ptr<Ground> make() {
  return std::make_unique<Kind>();
}
INSTANTIATE_TEST_SUITE_P(Machine, FilesOf, testing::Values(&make<MachineGround>));
INSTANTIATE_TEST_SUITE_P(Memory, FilesOf, testing::Values(&make<MemoryGround>));

TEST(SimulatedFiles, a_new_name_is_lost_with_the_power_until_its_folder_is_synced) {
  const auto files = make_simulated_files();
  ASSERT_TRUE(write_file_atomically(*files, "a", "x"));
  ASSERT_TRUE(files->sync_folder(""));
  ASSERT_TRUE(files->rename_new("a", "b"));
  files->crash(1, Unsynced::dropped);
  EXPECT_TRUE(files->info("a"));
  EXPECT_FALSE(files->info("b"));
  files->fail_at(1, Code::unavailable, Failing::once);
  EXPECT_EQ(files->rename_new("a", "b").error().code, Code::unavailable);
  EXPECT_TRUE(files->rename_new("a", "b"));
}

}  // namespace
}  // namespace waybill
