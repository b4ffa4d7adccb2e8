// The journal while its disk fails, forgets and tears. One number replays any failing run.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.h"
#include "journal/journal_probe.h"

namespace waybill::journal {
namespace {

using Texts = std::vector<std::string>;

// Work by seed on a journal, with its books.
class Workload {
 public:
  Workload(Probe& probe, uint64_t seed) : probe_(probe), random_(seed) {}

  void open() {
    // A fault may hit the opening too; it is met once at most before the next crash or the end.
    Result<void> opened = probe_.open();
    if (!opened) {
      ASSERT_NE(opened.error().code, Code::corrupt) << opened.error().message;
      probe_.crash(random_.next(), any_crash());
      opened = probe_.open();
    }
    ASSERT_TRUE(opened) << message(opened);
    books_.check_after_open(probe_.journal());
  }

  enum class Ended { by_itself, failed };

  Ended run(int steps) {
    for (int step = 0; step < steps; ++step) {
      if (append() == Ended::failed) return Ended::failed;
      if (random_.chance(0.6) && commit() == Ended::failed) return Ended::failed;
      if (random_.chance(0.1)) {
        const uint64_t begin = probe_.journal().begin();
        const uint64_t kept = probe_.journal().durable_end() - begin;
        if (!probe_.journal().trim(begin + random_.below(kept + 1))) return Ended::failed;
      }
    }
    return commit();
  }

  Ended commit() {
    const auto committed = probe_.journal().commit();
    if (!committed) {
      EXPECT_EQ(committed.error().code, Code::unavailable);
      EXPECT_FALSE(probe_.journal().commit()) << "failed is for good";
      EXPECT_FALSE(probe_.journal().append(records_of({"x"})));
      EXPECT_TRUE(probe_.journal().status().failed);
      return Ended::failed;
    }
    books_.acknowledged();
    return Ended::by_itself;
  }

  Unsynced any_crash() {
    const uint64_t kind = random_.below(4);
    return kind == 0 ? Unsynced::kept : kind == 1 ? Unsynced::dropped : Unsynced::by_seed;
  }
  Random& random() { return random_; }
  SentAndKept& books() { return books_; }

 private:
  Ended append() {
    Texts texts;
    for (uint64_t i = random_.below(12) + 1; i > 0; --i) {
      texts.push_back("record " + std::to_string(++sent_) + " ");
      texts.back().resize(texts.back().size() + (random_.chance(0.05) ? 3000 : random_.below(300)), '~');
    }
    for (int attempt = 0;; ++attempt) {
      const auto appended = probe_.journal().append(records_of(texts));
      if (appended) {
        books_.sent(appended->first, texts);
        return Ended::by_itself;
      }
      if (appended.error().code != Code::overloaded) return Ended::failed;
      // The thread that makes segments met the fault; where it stays, so does this.
      if (attempt > 50) return Ended::failed;
      std::this_thread::yield();
    }
  }

  Probe& probe_;
  Random random_;
  SentAndKept books_;
  uint64_t sent_ = 0;
};

JournalOptions small_segments() { return {.segment_bytes = 8192}; }

TEST(JournalCrash, a_power_loss_at_any_moment_keeps_what_was_acknowledged_and_nothing_that_was_not_sent) {
  size_t acknowledged = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Probe probe(small_segments(), seed);
    Workload work(probe, seed);
    for (int life = 0; life < 6; ++life) {
      work.open();
      if (testing::Test::HasFatalFailure()) return;
      const uint64_t syncs_left = work.random().below(25);
      std::atomic<uint64_t> syncs{0};
      // The power goes in the middle of a sync, or between two operations where that sync never comes.
      probe.files().before_sync([&](const std::string&) {
        if (++syncs > syncs_left) probe.files().stop();
      });
      work.run(static_cast<int>(work.random().below(20)));
      probe.crash(work.random().next(), work.any_crash());
      probe.files().before_sync({});
    }
    work.open();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    acknowledged += work.books().acknowledged_count();
  }
  EXPECT_GT(acknowledged, 10'000u);
}

TEST(JournalCrash, what_was_appended_and_never_synced_may_go_but_leaves_no_hole) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Probe probe(small_segments(), seed);
    Workload work(probe, seed);
    work.open();
    work.run(5);
    probe.files().before_sync([&](const std::string&) { probe.files().stop(); });
    work.run(1);
    probe.crash(seed);
    probe.files().before_sync({});
    work.open();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    ASSERT_EQ(work.run(10), Workload::Ended::by_itself);
    probe.close();
    work.open();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
}

// The n-th change fails, n = 1, 2, 3 … until a run meets no fault. After each: the process starts again, on a disk that
// kept its cache or lost it.
void fail_each_in_turn(Failing failing, Code code, Unsynced unsynced) {
  constexpr uint64_t n_max = 2000;
  uint64_t n = 1;
  for (; n < n_max; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Probe probe(small_segments(), n);
    Workload work(probe, 1);
    probe.files().fail_at(n, code, failing);
    auto opened = probe.open();
    if (opened) work.run(30);
    const bool failed = probe.files().has_failed();
    if (failed) {
      probe.close();
      probe.files().crash(n, unsynced);
      work.open();
      ASSERT_FALSE(testing::Test::HasFatalFailure());
      ASSERT_EQ(work.run(static_cast<int>(n % 7)), Workload::Ended::by_itself);
    }
    probe.crash(n, Unsynced::dropped);
    work.open();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    if (!failed) break;
  }
  EXPECT_GT(n, 60u);
  EXPECT_LT(n, n_max);
}

TEST(JournalCrash, the_nth_operation_fails_once_and_the_process_starts_again) {
  fail_each_in_turn(Failing::once, Code::unavailable, Unsynced::kept);
}

TEST(JournalCrash, the_nth_operation_fails_once_and_the_power_goes) {
  fail_each_in_turn(Failing::once, Code::unavailable, Unsynced::dropped);
}

TEST(JournalCrash, the_nth_operation_fails_once_and_the_power_goes_leaving_anything) {
  fail_each_in_turn(Failing::once, Code::unavailable, Unsynced::by_seed);
}

TEST(JournalCrash, the_nth_operation_and_all_after_it_fail) {
  fail_each_in_turn(Failing::from_then_on, Code::unavailable, Unsynced::kept);
  fail_each_in_turn(Failing::from_then_on, Code::unavailable, Unsynced::by_seed);
}

TEST(JournalCrash, the_disk_is_full_from_the_nth_operation_on) {
  fail_each_in_turn(Failing::from_then_on, Code::overloaded, Unsynced::by_seed);
}

// The process dies after a sync that failed, starts again at once, and only later the power goes: what the first start
// showed is then still there.
TEST(JournalCrash, what_a_start_after_a_failed_sync_shows_survives_the_power_loss_after_it) {
  int shown = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Probe probe({}, seed);
    Workload work(probe, seed);
    work.open();
    work.run(3);
    const uint64_t durable = probe.journal().durable_end();
    const auto appended = probe.append({"one", "two", std::string(2000, 'x')});
    const auto committing = std::this_thread::get_id();
    work.books().sent(appended.first, {"one", "two", std::string(2000, 'x')});
    probe.files().before_sync([&](const std::string&) {
      // Not once: the preparer's thread might meet it first.
      if (std::this_thread::get_id() == committing) probe.files().fail_at(1, Code::unavailable, Failing::from_then_on);
    });
    EXPECT_FALSE(probe.journal().commit());
    probe.files().before_sync({});
    probe.files().fail_no_more();
    probe.close();
    probe.files().crash(seed, Unsynced::kept);
    work.open();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    shown += probe.journal().durable_end() > durable ? 1 : 0;
    if (seed % 2 == 0) work.run(2);
    probe.crash(seed, Unsynced::dropped);
    work.open();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
  }
  EXPECT_GT(shown, 50);
}

TEST(JournalCrash, a_failed_sync_fails_everybody_who_waits) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  constexpr int threads_count = 8;
  std::atomic<int> appended{0};
  std::atomic<int> failed{0};
  probe.keep({"before"});
  {
    std::vector<std::jthread> threads;
    std::atomic<bool> all_appended{false};
    for (int t = 0; t < threads_count; ++t) {
      threads.emplace_back([&, t] {
        probe.append({"thread " + std::to_string(t)});
        if (++appended == threads_count) {
          while (!probe.files().info("data/journal/next-1.tmp")) std::this_thread::yield();
          probe.files().fail_at(1, Code::unavailable, Failing::from_then_on);
          all_appended = true;
        }
        while (!all_appended) std::this_thread::yield();
        const auto committed = probe.journal().commit();
        if (!committed && committed.error().code == Code::unavailable) ++failed;
      });
    }
  }
  EXPECT_EQ(failed, threads_count);
  EXPECT_EQ(probe.all(), Texts{"before"});
  EXPECT_EQ(probe.journal().append(records_of({"x"})).error().code, Code::unavailable);
}

TEST(JournalCrash, a_new_folder_is_there_after_a_power_loss_with_the_first_acknowledgement) {
  Probe probe({});
  probe.options().folder = "data/journal";
  ASSERT_TRUE(probe.open());
  probe.keep({"first"});
  probe.crash(1, Unsynced::dropped);
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all(), Texts{"first"});
}

}  // namespace
}  // namespace waybill::journal
