#include "journal/journal.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/random.h"
#include "journal/journal_probe.h"

namespace waybill::journal {
namespace {

using Texts = std::vector<std::string>;

Texts numbered(uint64_t from, uint64_t count, size_t bytes = 40) {
  Texts texts;
  for (uint64_t i = from; i < from + count; ++i) {
    texts.push_back("record " + std::to_string(i) + " ");
    texts.back().resize(std::max(bytes, texts.back().size()), '.');
  }
  return texts;
}

// Stops the syncs of threads that asked for it until it is opened.
class Gate {
 public:
  explicit Gate(SimulatedFiles& files) {
    files.before_sync([this](const std::string&) {
      if (!stalls_here) return;
      std::unique_lock lock(mutex_);
      ++waiting_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
    });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_until_somebody_waits() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

  static thread_local bool stalls_here;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};
thread_local bool Gate::stalls_here = false;

TEST(Journal, reads_back_what_was_appended_at_the_positions_given) {
  Probe probe({.epoch = 3, .partition = 2});
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.journal().durable_end(), 0u);
  EXPECT_EQ(probe.keep({"a", "b"}).first, 0u);
  EXPECT_EQ(probe.keep({"", "d", "e"}).first, 2u);
  EXPECT_EQ(probe.append({}).count, 0u);
  EXPECT_EQ(probe.all(), (Texts{"a", "b", "", "d", "e"}));
  EXPECT_EQ(probe.all(1), (Texts{"a", "b", "", "d", "e"}));
  EXPECT_EQ(texts_of(probe.journal().read(3, 100).value().records), (Texts{"d", "e"}));
  EXPECT_EQ(to_string(probe.journal().position(4)), "3-2-4");
  EXPECT_TRUE(probe.journal().read(5, 100).value().records.empty());
  EXPECT_TRUE(probe.journal().read(77, 100).value().records.empty());
}

TEST(Journal, shows_a_record_only_when_it_is_durable) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  probe.append({"a"});
  EXPECT_EQ(probe.journal().durable_end(), 0u);
  EXPECT_TRUE(probe.journal().read(0, 100).value().records.empty());
  ASSERT_TRUE(probe.journal().commit());
  EXPECT_EQ(probe.journal().durable_end(), 1u);
}

TEST(Journal, goes_on_where_it_was_when_opened_again_with_its_own_epoch) {
  Probe probe({.epoch = 7});
  ASSERT_TRUE(probe.open());
  probe.keep(numbered(0, 10));
  probe.append(numbered(10, 5));  // the destructor commits
  probe.close();
  probe.options().epoch = 9;
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.journal().epoch(), 7u);
  EXPECT_EQ(probe.keep(numbered(15, 5)).first, 15u);
  EXPECT_EQ(probe.all(), numbered(0, 20));
}

TEST(Journal, rolls_over_many_segments_and_reads_across_them_from_any_offset) {
  Probe probe({.segment_bytes = 4096});
  ASSERT_TRUE(probe.open());
  for (uint64_t i = 0; i < 500; i += 5) probe.keep(numbered(i, 5, 90));
  EXPECT_GT(probe.journal().status().segments.size(), 10u);
  EXPECT_EQ(probe.journal().status().segments.size(), probe.segments());
  const Texts expected = numbered(0, 500, 90);
  EXPECT_EQ(probe.all(), expected);
  EXPECT_EQ(probe.all(200), expected);
  probe.close();
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all(1000), expected);
  for (uint64_t from = 0; from < 500; ++from)
    EXPECT_EQ(texts_of(probe.journal().read(from, 1).value().records), Texts{expected[from]});
}

TEST(Journal, takes_one_append_that_needs_many_segments) {
  Probe probe({.segment_bytes = 4096});
  ASSERT_TRUE(probe.open());
  probe.append({"before"});
  Texts texts = numbered(0, 1000, 100);
  probe.append(texts);
  ASSERT_TRUE(probe.journal().commit());
  texts.insert(texts.begin(), "before");
  EXPECT_EQ(probe.all(), texts);
  EXPECT_GT(probe.segments(), 20u);
  probe.close();
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all(), texts);
}

TEST(Journal, takes_records_up_to_the_limit_and_calls_larger_ones_invalid) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  const std::string large(record_bytes_max, 'x');
  probe.keep({large, "small", large});
  EXPECT_EQ(probe.all(), (Texts{large, "small", large}));
  EXPECT_EQ(probe.journal().append(records_of({"a", large + "x"})).error().code, Code::invalid);
  EXPECT_EQ(probe.keep({"next"}).first, 3u);
  Probe narrow({.segment_bytes = 4096});
  ASSERT_TRUE(narrow.open());
  EXPECT_EQ(narrow.journal().append(records_of({std::string(4096, 'x')})).error().code, Code::invalid);
  narrow.keep({std::string(3990, 'x')});
}

TEST(Journal, gives_about_as_many_bytes_as_asked_for) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  probe.keep(numbered(0, 1000, 100));
  const auto part = probe.journal().read(10, 5000);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->records.size(), 50u);
  EXPECT_EQ(probe.journal().read(10, 0).value().records.size(), 1u);
}

TEST(Journal, finds_any_offset_of_a_large_segment) {
  Probe probe({.segment_bytes = 64 << 20});
  ASSERT_TRUE(probe.open());
  for (uint64_t i = 0; i < 60; ++i) probe.keep(numbered(i * 100, 100, 1000));
  for (const bool again : {false, true}) {
    Random random(1);
    for (int i = 0; i < 300; ++i) {
      const uint64_t offset = random.below(6000);
      SCOPED_TRACE(offset);
      const auto part = probe.journal().read(offset, 2500);
      ASSERT_TRUE(part) << message(part);
      EXPECT_EQ(texts_of(part->records), numbered(offset, std::min<uint64_t>(2, 6000 - offset), 1000));
    }
    if (again) break;
    probe.close();
    ASSERT_TRUE(probe.open());
  }
}

TEST(Journal, appends_that_wait_together_share_one_sync) {
  constexpr int threads_count = 12;
  Probe probe({});
  ASSERT_TRUE(probe.open());
  Gate gate(probe.files());
  std::atomic<int> appended{0};
  const uint64_t before = probe.count("waybill_journal_syncs_total");
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    Gate::stalls_here = true;
    probe.append({"first"});
    EXPECT_TRUE(probe.journal().commit());
  });
  gate.wait_until_somebody_waits();
  for (int t = 0; t < threads_count; ++t) {
    threads.emplace_back([&, t] {
      probe.append({"thread " + std::to_string(t)});
      ++appended;
      EXPECT_TRUE(probe.journal().commit());
    });
  }
  while (appended < threads_count) std::this_thread::yield();
  EXPECT_EQ(probe.journal().durable_end(), 0u);
  gate.open();
  threads.clear();
  EXPECT_EQ(probe.count("waybill_journal_syncs_total") - before, 2u);
  EXPECT_EQ(probe.count("waybill_journal_records_total"), 13u);
  EXPECT_EQ(probe.all().size(), 13u);
}

TEST(Journal, says_overloaded_beyond_unsynced_bytes_max_while_the_disk_stalls_and_goes_on_after) {
  Probe probe({.segment_bytes = 1 << 20, .unsynced_bytes_max = 64 << 10});
  ASSERT_TRUE(probe.open());
  Gate gate(probe.files());
  std::jthread stalled([&] {
    Gate::stalls_here = true;
    probe.append({"stalled"});
    EXPECT_TRUE(probe.journal().commit());
  });
  gate.wait_until_somebody_waits();
  uint64_t taken = 0;
  Result<Appended> last;
  while ((last = probe.journal().append(records_of({std::string(1000, 'x')})))) ++taken;
  EXPECT_EQ(last.error().code, Code::overloaded);
  EXPECT_NE(last.error().message.find("unsynced_bytes_max"), std::string::npos);
  EXPECT_EQ(taken, 63u);
  EXPECT_FALSE(probe.journal().status().full);
  gate.open();
  stalled.join();
  EXPECT_EQ(probe.keep({"after"}).first, taken + 1);
  EXPECT_EQ(probe.all().size(), taken + 2);
  EXPECT_EQ(probe.journal().append(records_of({std::string(65 << 10, 'x')})).error().code, Code::invalid);
}

TEST(Journal, many_threads_append_commit_read_and_trim_side_by_side) {
  Probe probe({.segment_bytes = 16 << 10});
  ASSERT_TRUE(probe.open());
  constexpr uint64_t rounds = 100;
  std::atomic<bool> done{false};
  std::jthread reader([&] {
    uint64_t next = 0;
    while (!done || next < probe.journal().durable_end()) {
      probe.journal().wait_for(next, std::chrono::milliseconds(5), {});
      const auto part = probe.journal().read(next, 3000);
      ASSERT_TRUE(part) << message(part);
      next += part->records.size();
      EXPECT_TRUE(probe.journal().trim(next / 2));
      EXPECT_LE(probe.journal().begin(), next / 2);
    }
  });
  std::mutex mutex;
  std::map<uint64_t, std::string> kept;
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      for (uint64_t i = 0; i < rounds; ++i) {
        const Texts texts{std::to_string(t) + "/" + std::to_string(i), std::string(100, 'x')};
        auto appended = probe.journal().append(records_of(texts));
        while (!appended && appended.error().code == Code::overloaded)
          appended = probe.journal().append(records_of(texts));
        ASSERT_TRUE(appended) << message(appended);
        ASSERT_TRUE(probe.journal().commit());
        EXPECT_GE(probe.journal().durable_end(), appended->first + 2);
        std::lock_guard lock(mutex);
        for (size_t k = 0; k < 2; ++k) EXPECT_TRUE(kept.emplace(appended->first + k, texts[k]).second);
      }
    });
  }
  writers.clear();
  done = true;
  reader.join();
  ASSERT_EQ(kept.size(), 4 * rounds * 2);
  EXPECT_EQ(kept.rbegin()->first, 4 * rounds * 2 - 1);
  uint64_t offset = probe.journal().begin();
  for (const std::string& text : probe.all()) EXPECT_EQ(kept[offset++], text);
}

TEST(Journal, trims_whole_segments_below_an_offset_and_never_the_one_being_written) {
  Probe probe({.segment_bytes = 4096});
  ASSERT_TRUE(probe.open());
  for (uint64_t i = 0; i < 200; i += 10) probe.keep(numbered(i, 10, 90));
  const auto segments = probe.journal().status().segments;
  ASSERT_GT(segments.size(), 4u);
  ASSERT_TRUE(probe.journal().trim(segments[3].first - 1));
  EXPECT_EQ(probe.journal().begin(), segments[2].first);
  ASSERT_TRUE(probe.journal().trim(segments[3].first));
  EXPECT_EQ(probe.journal().begin(), segments[3].first);
  EXPECT_EQ(probe.journal().read(segments[3].first - 1, 100).error().code, Code::not_found);
  probe.crash(1, Unsynced::dropped);
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.journal().begin(), segments[3].first);
  EXPECT_EQ(probe.all(), numbered(segments[3].first, 200 - segments[3].first, 90));
  ASSERT_TRUE(probe.journal().trim(1'000'000));
  EXPECT_EQ(probe.journal().begin(), segments.back().first);
  EXPECT_EQ(probe.segments(), 1u);
  EXPECT_EQ(probe.keep({"on"}).first, 200u);
}

TEST(Journal, says_overloaded_when_the_disk_is_full_loses_nothing_and_goes_on_when_there_is_space) {
  Probe probe({.segment_bytes = 8192});
  probe.files().set_capacity(3 * 8192 + 100);
  ASSERT_TRUE(probe.open());
  uint64_t kept = 0;
  Result<Appended> last;
  while ((last = probe.journal().append(records_of(numbered(kept, 10))))) {
    ASSERT_TRUE(probe.journal().commit());
    kept += 10;
  }
  EXPECT_EQ(last.error().code, Code::overloaded);
  EXPECT_NE(last.error().message.find("free on the disk"), std::string::npos) << last.error().message;
  EXPECT_TRUE(probe.journal().status().full);
  EXPECT_FALSE(probe.journal().status().failed);
  EXPECT_EQ(probe.all(), numbered(0, kept));
  EXPECT_GT(kept, 300u);
  ASSERT_TRUE(probe.journal().commit());

  probe.close();
  ASSERT_TRUE(probe.open()) << "a full disk keeps nobody from opening";
  EXPECT_EQ(probe.all(), numbered(0, kept));
  while (probe.journal().append(records_of(numbered(0, 10)))) ASSERT_TRUE(false) << "it was full";
  probe.files().set_capacity(100 * 8192);
  while (probe.journal().status().full) std::this_thread::yield();
  EXPECT_EQ(probe.keep(numbered(kept, 10)).first, kept);
  EXPECT_EQ(probe.all(), numbered(0, kept + 10));
}

TEST(Journal, leaves_no_half_made_segment_behind_when_zeros_do_not_fit) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  probe.close();
  // Free space is looked at first, so only a disk that fails the write itself comes here.
  for (uint64_t n = 1; n <= 4; ++n) {
    ASSERT_TRUE(probe.open());
    probe.files().fail_at(n, Code::overloaded, Failing::from_then_on);
    while (probe.journal().append(records_of(numbered(0, 10)))) {
    }
    EXPECT_TRUE(probe.journal().status().full);
    probe.files().fail_no_more();
    while (probe.journal().status().full) std::this_thread::yield();
    probe.keep({"on"});
  }
}

TEST(Journal, keeps_within_disk_bytes_max_and_goes_on_after_trim) {
  Probe probe({.segment_bytes = 8192, .disk_bytes_max = 3 * 8192});
  ASSERT_TRUE(probe.open());
  uint64_t kept = 0;
  for (int round = 0; round < 5; ++round) {
    Result<Appended> last;
    while ((last = probe.journal().append(records_of(numbered(kept, 10))))) {
      ASSERT_TRUE(probe.journal().commit());
      kept += 10;
    }
    EXPECT_EQ(last.error().code, Code::overloaded);
    EXPECT_NE(last.error().message.find("disk_bytes_max"), std::string::npos) << last.error().message;
    EXPECT_TRUE(probe.journal().status().full);
    EXPECT_LE(probe.journal().status().disk_bytes, 3u * 8192);
    ASSERT_TRUE(probe.journal().trim(kept));
    while (probe.journal().status().full) std::this_thread::yield();
  }
  EXPECT_GT(kept, 700u);
  const uint64_t begin = probe.journal().begin();
  EXPECT_EQ(probe.all(), numbered(begin, kept - begin));
}

TEST(Journal, refuses_options_that_could_never_work) {
  EXPECT_EQ(Probe({.segment_bytes = 100}).open().error().code, Code::invalid);
  EXPECT_EQ(Probe({.segment_bytes = 8192, .disk_bytes_max = 8192}).open().error().code, Code::invalid);
}

TEST(Journal, wakes_those_who_wait_for_an_offset) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  std::stop_source stop;
  std::jthread waiter([&] { probe.journal().wait_for(0, std::chrono::hours(1), {}); });
  std::jthread stopped([&] { probe.journal().wait_for(5, std::chrono::hours(1), stop.get_token()); });
  probe.keep({"a"});
  waiter.join();
  stop.request_stop();
  stopped.join();
  probe.journal().wait_for(5, std::chrono::milliseconds(0), {});
}

TEST(Journal, without_syncs_writes_the_same_and_opens_again) {
  Probe probe({.segment_bytes = 8192, .sync = false});
  ASSERT_TRUE(probe.open());
  for (uint64_t i = 0; i < 500; i += 10) probe.keep(numbered(i, 10));
  probe.close();
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all(), numbered(0, 500));
}

TEST(Journal, tells_its_numbers) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  probe.keep(numbered(0, 10));
  probe.keep(numbered(10, 10));
  EXPECT_EQ(probe.count("waybill_journal_records_total"), 20u);
  EXPECT_EQ(probe.count("waybill_journal_syncs_total"), 2u);
  EXPECT_EQ(probe.count("waybill_journal_bytes_total"), 2u * (32 + 10 * 41));
}

// Over the machine's own files.
class RealFolder {
 public:
  RealFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "waybill-journal-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~RealFolder() { std::filesystem::remove_all(path_); }
  RealFolder(const RealFolder&) = delete;
  RealFolder& operator=(const RealFolder&) = delete;
  std::string path() const { return path_ + "/journal"; }

 private:
  std::string path_;
};

TEST(JournalOnDisk, reads_back_what_was_appended_before_and_after_it_was_opened_again) {
  const RealFolder folder;
  const auto metrics = make_metrics();
  Texts expected;
  for (int round = 0; round < 3; ++round) {
    auto journal =
        open_journal({.folder = folder.path(), .segment_bytes = 256 << 10}, system_files(), system_clock(), *metrics);
    ASSERT_TRUE(journal) << message(journal);
    for (int i = 0; i < 20; ++i) {
      const Texts texts = numbered(expected.size(), 500);
      ASSERT_TRUE((*journal)->append(records_of(texts)));
      ASSERT_TRUE((*journal)->commit());
      expected.insert(expected.end(), texts.begin(), texts.end());
    }
    const auto read = read_all(**journal, 0, (*journal)->durable_end(), 10'000);
    ASSERT_TRUE(read) << message(read);
    EXPECT_EQ(*read, expected);
  }
  const auto journal = open_journal({.folder = folder.path()}, system_files(), system_clock(), *metrics);
  ASSERT_TRUE(journal);
  EXPECT_GT((*journal)->status().segments.size(), 3u);
  ASSERT_TRUE((*journal)->trim((*journal)->durable_end()));
  EXPECT_EQ((*journal)->status().segments.size(), 1u);
}

TEST(JournalOnDisk, is_read_beside_its_writer) {
  const RealFolder folder;
  const auto metrics = make_metrics();
  const auto journal =
      open_journal({.folder = folder.path(), .segment_bytes = 64 << 10}, system_files(), system_clock(), *metrics);
  ASSERT_TRUE(journal) << message(journal);
  std::jthread writer([&] {
    for (uint64_t i = 0; i < 3000; i += 10) {
      auto appended = (*journal)->append(records_of(numbered(i, 10)));
      while (!appended && appended.error().code == Code::overloaded)
        appended = (*journal)->append(records_of(numbered(i, 10)));
      ASSERT_TRUE(appended) << message(appended);
      ASSERT_TRUE((*journal)->commit());
    }
  });
  auto reader = open_journal_reader(folder.path(), system_files());
  ASSERT_TRUE(reader) << message(reader);
  while ((*reader)->end() < 3000) {
    const uint64_t from = (*reader)->end();
    const auto refreshed = (*reader)->refresh();
    ASSERT_TRUE(refreshed) << message(refreshed);
    const auto texts = read_all(**reader, from, (*reader)->end(), 5000);
    ASSERT_TRUE(texts) << message(texts);
    EXPECT_EQ(*texts, numbered(from, (*reader)->end() - from));
  }
}

}  // namespace
}  // namespace waybill::journal
