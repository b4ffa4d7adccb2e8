#include "app/bench/report.h"

#include <gtest/gtest.h>

namespace waybill::app::bench {
namespace {

Row row() {
  return {.what = "POST one location",
          .connections = 64,
          .per_s = 33132.4,
          .locations_per_s = 33132.4,
          .p50_us = 1686,
          .p99_us = 12779,
          .server_cpu_us = 32.44,
          .load_cpu_us = 7.5,
          .behind_s = 0};
}

TEST(BenchReport, a_row_stands_below_its_heads) {
  std::vector<std::string> lines = table_head();
  for (const std::string& line : lines_of(row())) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[2],
            "POST one location                   64    33,132    33,132    1.69    12.8     32.4    7.50    0.0    0");
  for (const std::string& line : lines) {
    EXPECT_EQ(line.size(), lines[0].size()) << line;
    EXPECT_LE(line.size(), report_columns);
  }
}

TEST(BenchReport, what_is_not_known_is_a_dash_in_the_table_and_null_in_json) {
  const Row unknown{.what = "disk"};
  EXPECT_EQ(lines_of(unknown)[0].find_first_of("123456789"), std::string::npos);
  const std::string json = report_json({.setting = {}, .rows = {unknown}, .books = {}});
  EXPECT_NE(json.find(R"("what":"disk","connections":null,"per_s":null)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("books":null,"good":true)"), std::string::npos) << json;
}

TEST(BenchReport, a_bad_answer_is_told_and_makes_all_of_it_bad) {
  Row bad = row();
  bad.bad = 2;
  bad.first_bad = "503: full";
  const auto lines = lines_of(bad);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "  ! the first that was bad: 503: full");
  EXPECT_FALSE((Report{.setting = {}, .rows = {row(), bad}, .books = {}}.good()));
  EXPECT_TRUE((Report{.setting = {}, .rows = {row()}, .books = {}}.good()));
}

TEST(BenchReport, books_balance_only_where_acknowledged_is_kept_and_kept_was_sent) {
  const Books fine{.sent = 10, .acknowledged = 8, .kept = 9, .repeats = 0, .verified = true};
  EXPECT_TRUE(fine.balance());
  for (const Books& books : {Books{.sent = 10, .acknowledged = 9, .kept = 8, .repeats = 0, .verified = true},
                             Books{.sent = 10, .acknowledged = 9, .kept = 11, .repeats = 0, .verified = true},
                             Books{.sent = 10, .acknowledged = 9, .kept = 9, .repeats = 1, .verified = true},
                             Books{.sent = 10, .acknowledged = 9, .kept = 9, .repeats = 0, .verified = false}}) {
    EXPECT_FALSE(books.balance());
    EXPECT_FALSE((Report{.setting = {}, .rows = {}, .books = books}.good()));
    EXPECT_NE(lines_of(books).back().find("DO NOT BALANCE"), std::string::npos);
  }
}

TEST(BenchReport, warns_of_what_makes_its_figures_worthless) {
  const auto text_of = [](const Setting& setting) {
    std::string text;
    for (const std::string& line : lines_of(setting)) text += line + '\n';
    return text;
  };
  EXPECT_EQ(text_of({.build = "Release", .file_system = "ext4"}).find("  ! "), std::string::npos);
  EXPECT_NE(text_of({.build = "Debug", .file_system = "ext4"}).find("  ! this is not a release build"),
            std::string::npos);
  EXPECT_NE(text_of({.build = "Release", .file_system = "tmpfs", .in_memory = true}).find("  ! this file system is in"),
            std::string::npos);
}

}  // namespace
}  // namespace waybill::app::bench
