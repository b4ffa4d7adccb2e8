#include "base/simulated_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/random.h"

namespace waybill {
namespace {

std::unique_ptr<File> made(Files& files, const std::string& path) {
  auto file = files.open(path, OpenMode::create);
  EXPECT_TRUE(file) << file.error().message;
  return std::move(*file);
}

std::string content(Files& files, const std::string& path) {
  auto text = read_file(files, path);
  return text ? *text : "<" + std::string(to_string(text.error().code)) + ">";
}

// A file with durable content "durable" under a durable name.
std::unique_ptr<File> durable_file(Files& files, const std::string& path) {
  auto file = made(files, path);
  EXPECT_TRUE(file->write_at(0, as_bytes("durable")));
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(files.sync_folder(""));
  return file;
}

TEST(SimulatedFiles, reads_back_what_was_written_across_chunks_and_holes) {
  auto files = make_simulated_files();
  auto file = made(*files, "a");
  const std::string big(200'000, 'x');
  ASSERT_TRUE(file->write_at(100'000, as_bytes(big)));
  const std::string all = content(*files, "a");
  EXPECT_EQ(all.size(), 300'000u);
  EXPECT_EQ(all.substr(0, 100'000), std::string(100'000, '\0'));
  EXPECT_EQ(all.substr(100'000), big);
  ASSERT_TRUE(file->truncate(100'001));
  ASSERT_TRUE(file->truncate(100'003));
  EXPECT_EQ(content(*files, "a").substr(99'999), std::string("\0x\0\0", 4));
}

TEST(SimulatedFiles, speaks_of_missing_and_present_names_as_the_system_does) {
  auto files = make_simulated_files();
  EXPECT_EQ(files->open("a", OpenMode::read).error().code, Code::not_found);
  EXPECT_EQ(files->open("no/a", OpenMode::create).error().code, Code::not_found);
  made(*files, "a");
  EXPECT_EQ(files->open("./a", OpenMode::create).error().code, Code::conflict);
  ASSERT_TRUE(files->make_folder("x/y"));
  made(*files, "x/y/b");
  EXPECT_EQ(files->remove("x/y").error().code, Code::conflict);
  ASSERT_TRUE(files->rename("x/y", "x/z"));
  EXPECT_EQ(content(*files, "x/z/b"), "");
  auto listed = files->list("x");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().name, "z");
  EXPECT_TRUE(listed->front().folder);
  EXPECT_EQ(files->open("a", OpenMode::read).value()->write_at(0, as_bytes("x")).error().code, Code::denied);
}

TEST(SimulatedFiles, a_crash_that_drops_everything_leaves_only_what_was_synced) {
  auto files = make_simulated_files();
  auto file = durable_file(*files, "a");
  ASSERT_TRUE(file->write_at(3, as_bytes("XXXXXXXX")));
  made(*files, "b");
  ASSERT_TRUE(files->remove("a"));
  files->crash(1, Unsynced::dropped);
  EXPECT_EQ(content(*files, "a"), "durable");
  EXPECT_EQ(content(*files, "b"), "<not_found>");
  EXPECT_EQ(file->write_at(0, as_bytes("x")).error().code, Code::unavailable);
}

TEST(SimulatedFiles, the_death_of_a_process_loses_nothing_and_frees_its_locks) {
  auto files = make_simulated_files();
  auto lock = files->lock("LOCK");
  ASSERT_TRUE(lock);
  EXPECT_EQ(files->lock("LOCK").error().code, Code::conflict);
  made(*files, "a")->write_at(0, as_bytes("kept")).value();
  files->crash(1, Unsynced::kept);
  EXPECT_EQ(content(*files, "a"), "kept");
  EXPECT_EQ(files->open("a", OpenMode::create).error().code, Code::conflict);
  auto again = files->lock("LOCK");
  ASSERT_TRUE(again);
  lock->reset();  // of the dead process: frees nothing
  EXPECT_EQ(files->lock("LOCK").error().code, Code::conflict);
  again->reset();
  EXPECT_TRUE(files->lock("LOCK"));
}

TEST(SimulatedFiles, the_death_of_a_process_makes_nothing_durable) {
  auto files = make_simulated_files();
  auto file = durable_file(*files, "a");
  ASSERT_TRUE(file->write_at(0, as_bytes("WRITTEN")));
  ASSERT_TRUE(files->rename("a", "b"));
  files->crash(1, Unsynced::kept);
  EXPECT_EQ(content(*files, "b"), "WRITTEN");
  EXPECT_EQ(file->write_at(0, as_bytes("x")).error().code, Code::unavailable);
  files->crash(2, Unsynced::dropped);
  EXPECT_EQ(content(*files, "a"), "durable");
  EXPECT_EQ(content(*files, "b"), "<not_found>");
}

TEST(SimulatedFiles, unsynced_writes_are_kept_dropped_or_torn_by_the_seed_and_synced_ones_never) {
  int kept = 0;
  int dropped = 0;
  int torn = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    auto files = make_simulated_files();
    auto file = made(*files, "a");
    ASSERT_TRUE(file->write_at(0, as_bytes(std::string(4096, 'd'))));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files->sync_folder(""));
    ASSERT_TRUE(file->write_at(1024, as_bytes(std::string(2048, 'n'))));
    files->crash(seed);
    const std::string after = content(*files, "a");
    ASSERT_EQ(after.size(), 4096u);
    EXPECT_EQ(after.substr(0, 1024), std::string(1024, 'd'));
    EXPECT_EQ(after.substr(3072), std::string(1024, 'd'));
    const auto news = std::ranges::count(after, 'n');
    EXPECT_EQ(news % 512, 0);
    ++(news == 0 ? dropped : news == 2048 ? kept : torn);
  }
  EXPECT_GT(kept, 20);
  EXPECT_GT(dropped, 20);
  EXPECT_GT(torn, 20);
}

TEST(SimulatedFiles, what_is_kept_in_order_has_no_hole_and_ends_anywhere_behind_what_was_synced) {
  const std::string all = "synced, first, second, third";
  std::set<size_t> ends;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    auto files = make_simulated_files();
    auto file = made(*files, "a");
    ASSERT_TRUE(file->write_at(0, as_bytes(all.substr(0, 6))));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files->sync_folder(""));
    ASSERT_TRUE(file->write_at(6, as_bytes(all.substr(6, 7))));
    ASSERT_TRUE(file->write_at(13, as_bytes(all.substr(13, 8))));
    ASSERT_TRUE(file->write_at(21, as_bytes(all.substr(21))));
    files->crash(seed, Unsynced::in_order);
    const std::string after = content(*files, "a");
    ASSERT_GE(after.size(), 6u);
    EXPECT_EQ(after, all.substr(0, after.size()));
    ends.insert(after.size());
  }
  EXPECT_EQ(ends.size(), all.size() - 5);
}

TEST(SimulatedFiles, a_rename_that_was_not_synced_survives_or_not_but_never_loses_the_file) {
  int renamed = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    auto files = make_simulated_files();
    durable_file(*files, "a");
    ASSERT_TRUE(files->rename("a", "b"));
    files->crash(seed);
    renamed += content(*files, "b") == "durable" ? 1 : 0;
    EXPECT_NE(content(*files, "a") == "durable", content(*files, "b") == "durable");
  }
  EXPECT_GT(renamed, 10);
  EXPECT_LT(renamed, 90);
}

TEST(SimulatedFiles, what_is_in_a_folder_goes_with_the_folders_unsynced_name) {
  auto files = make_simulated_files();
  ASSERT_TRUE(files->make_folder("data/journal"));
  auto file = made(*files, "data/journal/a");
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(files->sync_folder("data/journal"));
  ASSERT_TRUE(files->sync_folder(""));
  files->crash(1, Unsynced::dropped);
  EXPECT_TRUE(files->info("data"));
  EXPECT_EQ(files->info("data/journal").error().code, Code::not_found);
  EXPECT_EQ(content(*files, "data/journal/a"), "<not_found>");
}

TEST(SimulatedFiles, the_nth_change_fails_once_or_from_then_on) {
  auto files = make_simulated_files();
  auto file = made(*files, "a");
  files->fail_at(2, Code::unavailable, Failing::once);
  EXPECT_TRUE(file->write_at(0, as_bytes("x")));
  EXPECT_FALSE(files->has_failed());
  EXPECT_EQ(file->sync().error().code, Code::unavailable);
  EXPECT_TRUE(files->has_failed());
  EXPECT_TRUE(files->rename("a", "b"));
  EXPECT_EQ(files->operations(), 3u);
  files->fail_at(1, Code::overloaded, Failing::from_then_on);
  EXPECT_EQ(files->remove("b").error().code, Code::overloaded);
  EXPECT_EQ(files->make_folder("c").error().code, Code::overloaded);
  EXPECT_EQ(files->sync_folder("").error().code, Code::overloaded);
  EXPECT_EQ(file->truncate(0).error().code, Code::overloaded);
  files->fail_no_more();
  EXPECT_TRUE(files->remove("b"));
}

TEST(SimulatedFiles, bytes_that_a_failed_sync_forgot_are_read_until_the_power_goes_even_after_a_later_sync) {
  int forgotten = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    auto files = make_simulated_files(seed);
    auto file = durable_file(*files, "a");
    ASSERT_TRUE(file->write_at(0, as_bytes("WRITTEN")));
    files->fail_at(1, Code::unavailable, Failing::once);
    ASSERT_FALSE(file->sync());
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(content(*files, "a"), "WRITTEN");
    files->crash(seed, Unsynced::kept);
    EXPECT_EQ(content(*files, "a"), "WRITTEN");
    files->crash(seed, Unsynced::dropped);
    forgotten += content(*files, "a") == "durable" ? 1 : 0;
  }
  EXPECT_GT(forgotten, 5);
  EXPECT_LT(forgotten, 45);
}

TEST(SimulatedFiles, bytes_written_again_after_a_failed_sync_are_synced_by_the_next_one) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    auto files = make_simulated_files(seed);
    auto file = durable_file(*files, "a");
    ASSERT_TRUE(file->write_at(0, as_bytes("WRITTEN")));
    files->fail_at(1, Code::unavailable, Failing::once);
    ASSERT_FALSE(file->sync());
    ASSERT_TRUE(file->write_at(0, as_bytes("WRITTEN")));
    ASSERT_TRUE(file->sync());
    files->crash(seed, Unsynced::dropped);
    EXPECT_EQ(content(*files, "a"), "WRITTEN");
  }
}

TEST(SimulatedFiles, says_overloaded_when_full_and_goes_on_when_something_was_removed) {
  auto files = make_simulated_files();
  files->set_capacity(1000);
  auto a = made(*files, "a");
  ASSERT_TRUE(a->write_at(0, as_bytes(std::string(900, 'a'))));
  EXPECT_EQ(files->free_bytes("").value(), 100u);
  auto b = made(*files, "b");
  EXPECT_EQ(b->write_at(0, as_bytes(std::string(101, 'b'))).error().code, Code::overloaded);
  EXPECT_EQ(b->size().value(), 100u);
  EXPECT_EQ(b->truncate(101).error().code, Code::overloaded);
  EXPECT_TRUE(a->write_at(0, as_bytes(std::string(900, 'c'))));
  ASSERT_TRUE(files->remove("a"));
  EXPECT_EQ(b->truncate(101).error().code, Code::overloaded) << "still open";
  a.reset();
  ASSERT_TRUE(files->sync_folder(""));
  EXPECT_TRUE(b->truncate(1000));
  files->crash(1, Unsynced::kept);
  b.reset();
  EXPECT_EQ(files->free_bytes("").value(), 0u);
}

TEST(SimulatedFiles, flips_one_bit) {
  auto files = make_simulated_files();
  durable_file(*files, "a");
  files->flip_bit("a", 0, 0);
  EXPECT_EQ(content(*files, "a"), "eurable");
  files->crash(1, Unsynced::dropped);
  EXPECT_EQ(content(*files, "a"), "eurable");
}

TEST(SimulatedFiles, a_stall_holds_the_sync_on_its_own_thread_and_nobody_else) {
  auto files = make_simulated_files();
  auto file = made(*files, "a");
  std::string seen;
  files->before_sync([&](const std::string& path) {
    seen = path;
    EXPECT_TRUE(made(*files, "b")->write_at(0, as_bytes("meanwhile")));
  });
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(seen, "a");
  EXPECT_EQ(content(*files, "b"), "meanwhile");
  EXPECT_EQ(files->syncs(), 1u);
}

TEST(SimulatedFiles, answers_unavailable_while_the_power_is_off_and_keeps_what_was_there) {
  auto files = make_simulated_files();
  auto file = durable_file(*files, "a");
  files->stop();
  EXPECT_EQ(file->write_at(0, as_bytes("x")).error().code, Code::unavailable);
  EXPECT_EQ(files->remove("a").error().code, Code::unavailable);
  EXPECT_EQ(files->open("a", OpenMode::read).error().code, Code::unavailable);
  files->crash(1);
  EXPECT_EQ(content(*files, "a"), "durable");
}

TEST(SimulatedFiles, takes_threads_side_by_side) {
  auto files = make_simulated_files();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string path = "f" + std::to_string(t);
      auto file = made(*files, path);
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(file->write_at(static_cast<uint64_t>(i) * 100, as_bytes(std::string(100, 'x'))));
        if (i % 10 == 0) {
          EXPECT_TRUE(file->sync());
        }
        EXPECT_TRUE(files->rename(path, path + ".new"));
        EXPECT_TRUE(files->rename(path + ".new", path));
        EXPECT_TRUE(files->list(""));
      }
    });
  }
  threads.clear();
  for (int t = 0; t < 4; ++t) EXPECT_EQ(content(*files, "f" + std::to_string(t)).size(), 20'000u);
}

}  // namespace
}  // namespace waybill
