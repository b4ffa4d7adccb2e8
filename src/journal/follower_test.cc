#include <gtest/gtest.h>

#include "journal/journal_probe.h"

namespace waybill::journal {
namespace {

std::vector<std::string> numbered(uint64_t from, uint64_t to) {
  std::vector<std::string> texts;
  for (uint64_t i = from; i < to; ++i) texts.push_back("record " + std::to_string(i));
  return texts;
}

constexpr size_t piece_bytes = 1 << 20;

// What there is from the offset on, to the end.
Result<std::vector<std::string>> rest_of(Source& source, uint64_t from) {
  std::vector<std::string> texts;
  while (true) {
    TRY_LET(const ReadResult part, source.read(from, piece_bytes));
    if (part.records.empty()) return texts;
    for (std::string& text : texts_of(part.records)) texts.push_back(std::move(text));
    from += part.records.size();
  }
}

TEST(FollowerTest, it_gives_what_comes_while_it_reads) {
  Probe probe({.segment_bytes = 4096});
  ASSERT_TRUE(probe.open());
  probe.keep(numbered(0, 10));
  const auto follower = follow_journal(probe.options().folder, probe.files());
  ASSERT_TRUE(follower) << message(follower);
  EXPECT_EQ((*follower)->durable_end(), 10u);
  for (uint64_t from = 10; from < 500; from += 35) {
    probe.keep(numbered(from, from + 35));
    EXPECT_EQ(rest_of(**follower, from), numbered(from, from + 35));
    EXPECT_EQ((*follower)->durable_end(), from + 35);
  }
  EXPECT_EQ(rest_of(**follower, 0), numbered(0, 500)) << "in several segments";
  EXPECT_EQ((*follower)->position(3), probe.journal().position(3));
}

TEST(FollowerTest, what_it_gave_outlives_the_power_though_its_writer_had_synced_nothing) {
  Probe probe({.segment_bytes = 4096, .sync = false});
  ASSERT_TRUE(probe.open());
  for (uint64_t from = 0; from < 300; from += 50) {
    probe.keep(numbered(from, from + 50));
  }
  const auto follower = follow_journal(probe.options().folder, probe.files());
  ASSERT_TRUE(follower) << message(follower);
  EXPECT_EQ(rest_of(**follower, 0), numbered(0, 300));
  probe.crash(1, Unsynced::dropped);
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(rest_of(probe.journal(), 0), numbered(0, 300));
}

TEST(FollowerTest, after_a_sync_that_failed_it_gives_nothing_more) {
  Probe probe({.sync = false});
  ASSERT_TRUE(probe.open());
  const auto follower = follow_journal(probe.options().folder, probe.files());
  ASSERT_TRUE(follower) << message(follower);
  probe.keep(numbered(0, 10));
  probe.close();  // nobody else touches the disk: the next that does is the follower's sync
  probe.files().fail_at(1, Code::unavailable, Failing::once);
  EXPECT_EQ((*follower)->read(0, piece_bytes).error().code, Code::corrupt);
  probe.files().fail_no_more();
  EXPECT_EQ((*follower)->read(0, piece_bytes).error().code, Code::corrupt)
      << "what the system dropped, no later sync brings back";
  EXPECT_EQ((*follower)->durable_end(), 0u);
}

TEST(FollowerTest, without_a_journal_there_is_nothing_to_follow) {
  const auto files = make_simulated_files();
  EXPECT_EQ(follow_journal("nowhere", *files).error().code, Code::not_found);
}

}  // namespace
}  // namespace waybill::journal
