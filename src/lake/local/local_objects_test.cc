#include "lake/local/local_objects.h"

#include "base/random.h"
#include "base/simulated_files.h"
#include "lake/objects_contract.h"

namespace waybill::lake {
namespace {

using Access = LocalObjectsOptions::Access;
using Keys = std::vector<std::string>;

class SimulatedGround final : public ObjectsGround {
 public:
  Result<std::unique_ptr<Objects>> open() override { return open_local_objects({.folder = "/data/lake"}, *files_); }
  Files& files() override { return *files_; }
  std::string scratch() override { return "/scratch"; }

 private:
  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
};

class FolderGround final : public ObjectsGround {
 public:
  FolderGround() { EXPECT_TRUE(system_files().make_folder(folder_)); }
  ~FolderGround() override { EXPECT_TRUE(remove_with_content(system_files(), folder_)); }
  Result<std::unique_ptr<Objects>> open() override {
    return open_local_objects({.folder = join_path(folder_, "lake/")}, system_files());
  }
  Files& files() override { return system_files(); }
  std::string scratch() override { return join_path(folder_, "scratch"); }

 private:
  std::string folder_ = testing::TempDir() + "waybill-objects-" + std::to_string(random_seed());
};

template <class Kind>
std::unique_ptr<ObjectsGround> make() {
  return std::make_unique<Kind>();
}
INSTANTIATE_TEST_SUITE_P(SimulatedFolder, ObjectsContract, testing::Values(&make<SimulatedGround>));
INSTANTIATE_TEST_SUITE_P(Folder, ObjectsContract, testing::Values(&make<FolderGround>));

std::unique_ptr<Objects> opened(SimulatedFiles& files, Access access = Access::read_write) {
  return open_local_objects({.folder = "lake", .access = access}, files).value();
}

size_t left_in_progress(Files& files) {
  size_t count = 0;
  const auto places = files.list("lake/in progress").value();
  for (const FileInfo& place : places) {
    const auto content = files.list(join_path("lake/in progress", place.name)).value();
    for (const FileInfo& one : content) count += one.name == "LOCK" ? 0 : 1;
  }
  return count;
}

constexpr const char* old_key = "raw/date=1/old";
constexpr const char* new_key = "raw/date=2/hour=3/new";
const std::string large(3 << 20, 'n');

// Puts one, then does what is asked for with the n-th operation failing.
template <class Operation>
void at_every_fault(Operation operation, const std::function<void(const Objects&, bool done)>& check) {
  bool met = true;
  for (uint64_t n = 1; met; ++n) {
    for (const Unsynced unsynced : {Unsynced::by_seed, Unsynced::in_order, Unsynced::dropped, Unsynced::kept}) {
      SCOPED_TRACE("operation " + std::to_string(n) + ", unsynced " + std::to_string(static_cast<int>(unsynced)));
      const auto files = make_simulated_files(n);
      auto objects = opened(*files);
      ASSERT_TRUE(objects->put(old_key, as_bytes("old"), IfThere::conflict));
      files->fail_at(n, Code::unavailable, Failing::from_then_on);
      const Result<void> done = operation(*objects);
      met = files->has_failed();
      EXPECT_TRUE(done || met) << done.error().message;
      files->stop();
      objects.reset();
      files->crash(n, unsynced);

      objects = opened(*files);
      EXPECT_EQ(left_in_progress(*files), 0u);
      Keys expected;
      for (const char* key : {old_key, new_key})
        if (content_of(*objects, key) != "<not_found>") expected.push_back(key);
      EXPECT_EQ(keys_of(*objects), expected);
      check(*objects, done.has_value());
      // What was seen after it, the next loss of power does not take back.
      const std::string seen = content_of(*objects, new_key), seen_old = content_of(*objects, old_key);
      files->crash(n + 1, Unsynced::dropped);
      objects = opened(*files);
      EXPECT_TRUE(seen == "<not_found>" || content_of(*objects, new_key) == seen);
      EXPECT_TRUE(seen_old == "<not_found>" || content_of(*objects, old_key) == seen_old);
    }
    ASSERT_LT(n, 1000u);
  }
}

TEST(LocalObjects, a_put_that_was_broken_off_anywhere_is_whole_or_not_there) {
  for (const IfThere if_there : {IfThere::conflict, IfThere::replace})
    at_every_fault([&](Objects& objects) { return objects.put(new_key, as_bytes(large), if_there); },
                   [&](const Objects& objects, bool done) {
                     const std::string seen = content_of(objects, new_key);
                     EXPECT_TRUE(seen == large || (!done && seen == "<not_found>")) << seen.size();
                     EXPECT_EQ(content_of(objects, old_key), "old");
                   });
}

TEST(LocalObjects, a_replacement_that_was_broken_off_anywhere_is_the_old_or_the_new) {
  at_every_fault([&](Objects& objects) { return objects.put(old_key, as_bytes(large), IfThere::replace); },
                 [&](const Objects& objects, bool done) {
                   const std::string seen = content_of(objects, old_key);
                   EXPECT_TRUE(seen == large || (!done && seen == "old")) << seen.size();
                 });
}

TEST(LocalObjects, a_remove_that_was_broken_off_anywhere_leaves_all_or_nothing) {
  at_every_fault([&](Objects& objects) { return objects.remove(old_key); },
                 [&](const Objects& objects, bool done) {
                   const std::string seen = content_of(objects, old_key);
                   EXPECT_TRUE(seen == "<not_found>" || (!done && seen == "old")) << seen;
                 });
}

TEST(LocalObjects, a_put_that_failed_can_be_put_again_or_is_found_to_be_there_for_good) {
  bool met = true;
  for (uint64_t n = 1; met; ++n) {
    SCOPED_TRACE(n);
    const auto files = make_simulated_files(n);
    auto objects = opened(*files);
    files->fail_at(n, Code::overloaded, Failing::once);
    const auto first = objects->put(new_key, as_bytes("new"), IfThere::conflict);
    met = files->has_failed();
    if (!first) {
      EXPECT_EQ(first.error().code, Code::overloaded);
      const auto again = objects->put(new_key, as_bytes("new"), IfThere::conflict);
      EXPECT_TRUE(again || again.error().code == Code::conflict) << again.error().message;
    }
    EXPECT_EQ(content_of(*objects, new_key), "new");
    files->crash(n, Unsynced::dropped);
    EXPECT_EQ(content_of(*opened(*files), new_key), "new");
  }
}

TEST(LocalObjects, a_full_disk_is_overloaded_and_leaves_nothing_behind) {
  const auto files = make_simulated_files();
  const auto objects = opened(*files);
  files->set_capacity(100'000);
  EXPECT_EQ(objects->put("a", as_bytes(large), IfThere::replace).error().code, Code::overloaded);
  EXPECT_EQ(left_in_progress(*files), 0u);
  EXPECT_EQ(keys_of(*objects), Keys{});
}

TEST(LocalObjects, what_another_living_process_writes_is_left_alone) {
  const auto files = make_simulated_files();
  const auto writer = opened(*files);
  std::unique_ptr<Objects> other;
  files->before_sync([&](const std::string& path) {
    if (path.find("in progress") == std::string::npos || other) return;
    other = open_local_objects({.folder = "lake"}, *files).value();
    EXPECT_EQ(left_in_progress(*files), 1u);
  });
  ASSERT_TRUE(writer->put("a", as_bytes("1"), IfThere::conflict));
  ASSERT_TRUE(other);
  EXPECT_EQ(content_of(*other, "a"), "1");
}

TEST(LocalObjects, a_reader_changes_nothing_and_needs_no_folder) {
  const auto files = make_simulated_files();
  const auto early = opened(*files, Access::read_only);
  EXPECT_EQ(keys_of(*early), Keys{});
  EXPECT_EQ(content_of(*early, "a"), "<not_found>");
  EXPECT_FALSE(files->info("lake"));
  ASSERT_TRUE(opened(*files)->put("x/a", as_bytes("1"), IfThere::conflict));
  files->fail_at(1, Code::unavailable, Failing::from_then_on);
  const auto reader = opened(*files, Access::read_only);
  EXPECT_EQ(keys_of(*reader), Keys{"x/a"});
  EXPECT_EQ(content_of(*reader, "x/a"), "1");
  EXPECT_EQ(reader->put("b", as_bytes("2"), IfThere::replace).error().code, Code::denied);
  EXPECT_EQ(reader->remove("x/a").error().code, Code::denied);
  EXPECT_FALSE(files->has_failed());
}

TEST(LocalObjects, a_key_that_would_be_the_folder_of_another_is_refused) {
  const auto files = make_simulated_files();
  const auto objects = opened(*files);
  ASSERT_TRUE(objects->put("x/a", as_bytes("1"), IfThere::conflict));
  for (const IfThere if_there : {IfThere::conflict, IfThere::replace}) {
    EXPECT_EQ(objects->put("x", as_bytes("2"), if_there).error().code, Code::invalid);
    EXPECT_EQ(objects->put("x/a/b", as_bytes("2"), if_there).error().code, Code::invalid);
  }
  EXPECT_EQ(keys_of(*objects), Keys{"x/a"});
}

TEST(LocalObjects, a_folder_that_somebody_took_away_is_made_again) {
  const auto files = make_simulated_files();
  const auto objects = opened(*files);
  ASSERT_TRUE(objects->put("x/a", as_bytes("1"), IfThere::conflict));
  ASSERT_TRUE(remove_with_content(*files, "lake/x"));
  EXPECT_TRUE(objects->put("x/b", as_bytes("2"), IfThere::conflict));
  files->crash(1, Unsynced::dropped);
  EXPECT_EQ(content_of(*opened(*files), "x/b"), "2");
}

}  // namespace
}  // namespace waybill::lake
