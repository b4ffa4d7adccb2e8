#include "app/replay_progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "base/random.h"

namespace waybill::app {
namespace {

TEST(LinesDone, is_where_it_went_on_from_before_anything_is_answered) {
  EXPECT_EQ(LinesDone().done(), 0u);
  EXPECT_EQ(LinesDone(41).done(), 41u);
}

TEST(LinesDone, stops_before_the_first_batch_that_is_open) {
  LinesDone lines;
  lines.open(1);
  lines.read_to(1);
  lines.open(2);
  lines.read_to(9);
  EXPECT_EQ(lines.done(), 0u);
  lines.close(2);
  EXPECT_EQ(lines.done(), 0u);
  lines.open(10);
  lines.read_to(10);
  lines.close(1);
  EXPECT_EQ(lines.done(), 9u);
  lines.close(10);
  EXPECT_EQ(lines.done(), 10u);
}

// Lines are dealt to connections that answer in any order; wherever it breaks, going on from done() misses no line.
TEST(LinesDone, never_passes_over_a_line_that_was_not_answered) {
  constexpr uint64_t seed = 99;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int run = 0; run < 200; ++run) {
    LinesDone lines;
    std::vector<std::vector<uint64_t>> filling(1 + random.below(4));
    std::deque<std::vector<uint64_t>> under_way;
    std::vector<bool> answered(301, false);
    for (uint64_t line = 1; line <= 300; ++line) {
      auto& batch = filling[random.below(filling.size())];
      if (batch.empty()) lines.open(line);
      batch.push_back(line);
      if (batch.size() == 7) under_way.push_back(std::exchange(batch, {}));
      lines.read_to(line);
      if (!under_way.empty() && random.chance(0.2)) {
        std::swap(under_way.front(), under_way[random.below(under_way.size())]);
        for (const uint64_t done : under_way.front()) answered[done] = true;
        lines.close(under_way.front().front());
        under_way.pop_front();
      }
      for (uint64_t i = 1; i <= lines.done(); ++i) ASSERT_TRUE(answered[i]) << "line " << i << " at " << line;
    }
  }
}

TEST(ReplayProgress, reads_back_what_it_wrote) {
  const ReplayProgress progress{.lines = 123456789012,
                                .head = {.bytes = 65536, .hash = "00ff"},
                                .url = "http://127.0.0.1:5000",
                                .last_position = "1-0-42"};
  const auto read = read_progress(progress_json(progress));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, progress);
}

TEST(ReplayProgress, refuses_what_is_not_progress) {
  for (const std::string text :
       {"", "{}", "[]", "null", R"({"waybill_replay":2,"lines":1})", R"({"waybill_replay":1,"lines":-1})"})
    EXPECT_EQ(read_progress(text).error().code, Code::invalid) << text;
}

}  // namespace
}  // namespace waybill::app
