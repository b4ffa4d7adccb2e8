#include "app/doctor_rules.h"

#include <gtest/gtest.h>

namespace waybill::app {
namespace {

constexpr uint64_t gib = uint64_t{1} << 30;

TEST(Doctor, a_folder_in_memory_is_a_problem_and_one_on_a_network_a_warning) {
  EXPECT_EQ(judge_medium({.kind = "ext4", .medium = Medium::disk}, "d").mark, Mark::ok);
  EXPECT_EQ(judge_medium({.kind = "tmpfs", .medium = Medium::memory}, "d").mark, Mark::problem);
  EXPECT_EQ(judge_medium({.kind = "nfs", .medium = Medium::network}, "d").mark, Mark::warning);
}

TEST(Doctor, counts_what_the_journal_will_still_take) {
  Config config;
  config.journal_keep_mib = 1024;
  config.journal_segment_mib = 64;
  const auto space = [&](uint64_t size, uint64_t free, uint64_t journal) {
    return judge_space({.kind = "ext4", .size_bytes = size, .free_bytes = free}, journal, config).mark;
  };
  EXPECT_EQ(space(100 * gib, 50 * gib, 0), Mark::ok);
  EXPECT_EQ(space(2 * gib, gib, 0), Mark::warning) << "1 GiB and three segments are to come";
  EXPECT_EQ(space(2 * gib, gib, gib), Mark::ok) << "most of it is there";
  EXPECT_EQ(space(100 * gib, 10 * gib, gib), Mark::warning) << "90 % are used";
  EXPECT_EQ(space(100 * gib, gib / 10, 2 * gib), Mark::problem) << "not three segments";
}

TEST(Doctor, a_disk_may_be_too_slow_and_too_quick_to_be_true) {
  using std::chrono::microseconds;
  EXPECT_EQ(judge_speed({microseconds(300), microseconds(2'000)}).mark, Mark::ok);
  EXPECT_EQ(judge_speed({microseconds(30'000), microseconds(40'000)}).mark, Mark::warning);
  EXPECT_EQ(judge_speed({microseconds(300), microseconds(500'000)}).mark, Mark::warning);
  EXPECT_EQ(judge_speed({microseconds(1), microseconds(2)}).mark, Mark::warning);
}

TEST(Doctor, a_clock_is_to_be_synchronised_and_not_to_jump) {
  using std::chrono::microseconds;
  EXPECT_EQ(judge_clock({.synchronised = true, .error_max = microseconds(500)}).mark, Mark::ok);
  EXPECT_EQ(judge_clock({.synchronised = true, .error_max = microseconds(5'000'000)}).mark, Mark::warning);
  EXPECT_EQ(judge_clock({.synchronised = false}).mark, Mark::warning);
  EXPECT_EQ(judge_jump(microseconds(-50)).mark, Mark::ok);
  EXPECT_EQ(judge_jump(microseconds(-3'600'000'000)).mark, Mark::warning);
}

TEST(Doctor, compares_the_limits_with_the_settings) {
  Config config;
  config.http_connections_max = 20'000;
  EXPECT_EQ(judge_open_files({.open_files = 65'536}, config).mark, Mark::ok);
  EXPECT_EQ(judge_open_files({.open_files = 1'024}, config).mark, Mark::warning);
  EXPECT_EQ(judge_open_files({.open_files = 256}, config).mark, Mark::problem) << "not enough for the store's files";
  config.store_cache_mib_max = 4096;
  EXPECT_EQ(judge_memory({.memory_bytes = 8 * gib}, config).mark, Mark::ok);
  EXPECT_EQ(judge_memory({.memory_bytes = 2 * gib}, config).mark, Mark::warning);
  EXPECT_EQ(judge_memory({.memory_bytes = 0}, config).mark, Mark::warning);
  EXPECT_EQ(judge_backlog({.connections_waiting = 4096}).mark, Mark::ok);
  EXPECT_EQ(judge_backlog({.connections_waiting = 128}).mark, Mark::warning);
}

TEST(Doctor, others_neither_write_the_folder_nor_read_a_key) {
  EXPECT_EQ(judge_rights("d", {.owner = 7, .mode = 0750, .folder = true}, 7).mark, Mark::ok);
  EXPECT_EQ(judge_rights("d", {.owner = 7, .mode = 0777, .folder = true}, 7).mark, Mark::problem);
  EXPECT_EQ(judge_rights("d", {.owner = 8, .mode = 0750, .folder = true}, 7).mark, Mark::warning);
  EXPECT_EQ(judge_rights("d", {.owner = 8, .mode = 0750, .folder = true}, 0).mark, Mark::ok) << "root may look at all";
  EXPECT_EQ(judge_secret("k", {.owner = 7, .mode = 0600}, 7).mark, Mark::ok);
  EXPECT_EQ(judge_secret("k", {.owner = 7, .mode = 0400}, 7).mark, Mark::ok);
  EXPECT_EQ(judge_secret("k", {.owner = 7, .mode = 0640}, 7).mark, Mark::problem);
  EXPECT_EQ(judge_secret("k", {.owner = 7, .mode = 0700, .folder = true}, 7).mark, Mark::ok);
  EXPECT_EQ(judge_secret("k", {.owner = 7, .mode = 0710, .folder = true}, 7).mark, Mark::problem);
  EXPECT_EQ(judge_secret("k", {.owner = 8, .mode = 0600}, 7).mark, Mark::problem) << "we cannot read it";
}

TEST(Doctor, warns_two_weeks_before_a_certificate_ends) {
  const Time now = at_us(1'000'000);
  EXPECT_EQ(judge_certificate(now + std::chrono::days(15), now).mark, Mark::ok);
  EXPECT_EQ(judge_certificate(now + std::chrono::days(13), now).mark, Mark::warning);
  EXPECT_EQ(judge_certificate(now, now).mark, Mark::problem);
}

Mark worst(const Config& config) {
  Mark mark = Mark::ok;
  for (const Finding& finding : judge_settings(config, {.cores = 4})) mark = std::max(mark, finding.mark);
  return mark;
}

TEST(Doctor, finds_settings_that_make_no_sense_together) {
  Config config;
  EXPECT_EQ(worst(config), Mark::ok) << "the defaults";
  config.journal_disk_mib_max = 100;
  EXPECT_EQ(worst(config), Mark::problem) << "less than three segments";
  config.journal_disk_mib_max = 1024;
  EXPECT_EQ(worst(config), Mark::warning) << "as much as is to be kept";
  config.journal_disk_mib_max = 2048;
  EXPECT_EQ(worst(config), Mark::ok);
  config.http_threads = 8;
  EXPECT_EQ(worst(config), Mark::warning);
  config.journal_sync = false;
  EXPECT_EQ(worst(config), Mark::problem);
}

TEST(Doctor, says_it_in_80_columns) {
  const Finding finding{.mark = Mark::problem,
                        .area = "disk space",
                        .found = std::string(70, 'a') + " " + std::string(30, 'b'),
                        .advice = "make room " + std::string(60, 'c')};
  const auto lines = lines_of(finding);
  ASSERT_GE(lines.size(), 4u);
  for (const std::string& line : lines) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_TRUE(lines[0].starts_with("PROBLEM  disk space      aaa")) << lines[0];
  EXPECT_EQ(lines_of({.mark = Mark::ok, .area = "clock", .found = "synchronised", .advice = {}}),
            std::vector<std::string>{"ok       clock           synchronised"});
}

TEST(Doctor, adds_up_what_it_found) {
  EXPECT_EQ(summary({}), "no problems, no warnings");
  EXPECT_EQ(summary({{.mark = Mark::problem}, {.mark = Mark::warning}, {.mark = Mark::warning}}),
            "1 problem, 2 warnings");
}

}  // namespace
}  // namespace waybill::app
