#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "base/files.h"

namespace waybill {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  const auto text = read_file(system_files(), path);
  EXPECT_TRUE(text) << text.error().message;
  std::vector<std::string> lines;
  for (size_t at = 0; text && at < text->size();) {
    const size_t end = text->find('\n', at);
    EXPECT_NE(end, std::string::npos) << "a line without an end in " << path;
    if (end == std::string::npos) break;
    lines.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Log, no_line_is_lost_or_torn_while_its_file_is_rotated_under_four_writers) {
  constexpr int writers = 4;
  constexpr int lines_each = 2'000;
  constexpr int rotations = 20;
  Files& files = system_files();
  const std::string path = join_path(testing::TempDir(), "log_test_rotated.log");
  for (int i = 0; i <= rotations; ++i) (void)files.remove(i == 0 ? path : path + "." + std::to_string(i));
  log::configure(log::Level::info, log::Format::text);
  ASSERT_TRUE(log::to_file(path));

  std::atomic<int> written{0};
  {
    std::vector<std::jthread> threads;
    for (int writer = 0; writer < writers; ++writer)
      threads.emplace_back([&written, writer] {
        for (int line = 0; line < lines_each; ++line, ++written)
          log::info("counted", {{"id", writer * lines_each + line}});
      });
    // As logrotate does: rename, then have it opened anew, while lines are written.
    for (int i = 1; i <= rotations; ++i) {
      while (written < i * writers * lines_each / (rotations + 1)) std::this_thread::yield();
      ASSERT_TRUE(files.rename(path, path + "." + std::to_string(i)));
      ASSERT_TRUE(log::reopen());
    }
  }

  std::multiset<std::string> ids;
  int files_with_lines = 0;
  for (int i = 0; i <= rotations; ++i) {
    const auto lines = lines_of(i == 0 ? path : path + "." + std::to_string(i));
    files_with_lines += lines.empty() ? 0 : 1;
    for (const std::string& line : lines) ids.insert(line.substr(line.find("id=")));
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(writers * lines_each));
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size()) << "each line once";
  EXPECT_GT(files_with_lines, 2);
}

TEST(Log, a_file_that_cannot_be_opened_leaves_the_lines_where_they_were) {
  const std::string path = join_path(testing::TempDir(), "log_test_stays.log");
  (void)system_files().remove(path);
  log::configure(log::Level::info, log::Format::json);
  ASSERT_TRUE(log::to_file(path));
  const auto refused = log::to_file(join_path(path, "below_a_file.log"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("below_a_file.log"), std::string::npos);
  log::info("still here", {{"n", 1}});
  ASSERT_TRUE(log::reopen()) << "the file that is in use, not the one that was refused";
  log::info("and after", {{"n", 2}});
  const auto lines = lines_of(path);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("\"what\":\"still here\",\"n\":1}"), std::string::npos) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("{\"time\":")) << lines[1];
  log::configure(log::Level::info, log::Format::text);
}

}  // namespace
}  // namespace waybill
