#include "app/lines.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "wire/compression.h"

namespace waybill::app {
namespace {

class LinesTest : public testing::Test {
 protected:
  std::string write(const std::string& name, std::string_view content) {
    const std::string path = join_path(testing::TempDir(), "waybill-lines-" + name);
    EXPECT_TRUE(write_file_atomically(system_files(), path, content));
    written_.push_back(path);
    return path;
  }
  void TearDown() override {
    for (const std::string& path : written_) (void)system_files().remove(path);
  }
  static std::vector<Line> all(const LinesOptions& options) {
    auto lines = open_lines(options);
    if (!lines) {
      ADD_FAILURE() << lines.error().message;
      return {};
    }
    std::vector<Line> read;
    while (true) {
      auto line = (*lines)->next();
      EXPECT_TRUE(line) << line.error().message;
      if (!line || !*line) return read;
      read.push_back(std::move(**line));
    }
  }
  std::vector<std::string> written_;
};

TEST_F(LinesTest, reads_ndjson_with_its_line_numbers_whatever_ends_the_lines) {
  const auto lines =
      all({.path = write("a.ndjson", "\xef\xbb\xbf{\"a\":1}\r\n\n  {\"a\":2} \n{\"a\":3}"), .columns = {}});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].text, "{\"a\":1}");
  EXPECT_EQ(lines[1].text, "{\"a\":2}");
  EXPECT_EQ(lines[1].number, 3u);
  EXPECT_EQ(lines[2].text, "{\"a\":3}");
  EXPECT_EQ(lines[2].number, 4u);
}

TEST_F(LinesTest, reads_gzip_by_its_content_not_by_its_name) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "{\"line\":" + std::to_string(i + 1) + "}\n";
  const auto lines = all({.path = write("b", wire::compress(text, wire::Compression::gzip)), .columns = {}});
  ASSERT_EQ(lines.size(), 50'000u);
  for (size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(lines[i].number, i + 1);
    ASSERT_EQ(lines[i].text, "{\"line\":" + std::to_string(i + 1) + "}");
  }
}

TEST_F(LinesTest, says_that_a_gzip_file_was_cut_off_after_what_could_be_read) {
  const std::string packed = wire::compress("{\"a\":1}\n{\"a\":2}\n", wire::Compression::gzip);
  auto lines =
      open_lines({.path = write("c.ndjson.gz", std::string_view(packed).substr(0, packed.size() - 4)), .columns = {}});
  ASSERT_TRUE(lines);
  EXPECT_EQ((*lines)->next().value()->text, "{\"a\":1}");
  EXPECT_EQ((*lines)->next().value()->text, "{\"a\":2}");
  EXPECT_EQ((*lines)->next().error().code, Code::invalid);
}

TEST_F(LinesTest, a_line_that_is_too_long_is_told_and_the_next_one_read) {
  for (const size_t length : {line_bytes_max + 1, 5 * line_bytes_max}) {
    const auto lines =
        all({.path = write("d.ndjson", "{}\n" + std::string(length, 'x') + "\n{\"a\":3}\n"), .columns = {}});
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_TRUE(lines[1].too_long);
    EXPECT_EQ(lines[1].number, 2u);
    EXPECT_TRUE(lines[1].text.empty());
    EXPECT_EQ(lines[2].text, "{\"a\":3}");
    EXPECT_EQ(lines[2].number, 3u);
  }
}

TEST_F(LinesTest, makes_csv_rows_objects_with_mapped_columns) {
  const std::string path = write("e.csv", "id,lat,lon,when\n7,41.5,-8.5,2024-01-15T09:00:00Z\n");
  const auto lines =
      all({.path = path,
           .columns = {{"deliverer_id", "id"}, {"latitude", "lat"}, {"longitude", "lon"}, {"timestamp", "when"}}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].number, 2u);
  EXPECT_NE(lines[0].text.find(R"("latitude":41.5)"), std::string::npos) << lines[0].text;
  EXPECT_NE(lines[0].text.find("\"timestamp\""), std::string::npos) << lines[0].text;
}

TEST_F(LinesTest, refuses_a_column_that_is_not_there_and_a_map_for_what_has_no_columns) {
  EXPECT_EQ(open_lines({.path = write("f.csv", "a,b\n1,2\n"), .columns = {{"latitude", "lat"}}}).error().code,
            Code::invalid);
  EXPECT_EQ(open_lines({.path = write("g.ndjson", "{}\n"), .columns = {{"latitude", "lat"}}}).error().code,
            Code::invalid);
  EXPECT_EQ(open_lines({.path = "/nowhere/at/all", .columns = {}}).error().code, Code::not_found);
}

TEST_F(LinesTest, reads_gpx_points_in_their_order) {
  const auto lines = all({.path = write("h.gpx", R"(<gpx version="1.1"><trk><name>ride</name><trkseg>
    <trkpt lat="41.1" lon="-8.1"><time>2024-01-15T09:00:00Z</time></trkpt>
    <trkpt lat="41.2" lon="-8.2"><time>2024-01-15T09:00:05Z</time></trkpt></trkseg></trk></gpx>)"),
                          .columns = {}});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].text.find("ride"), std::string::npos);
  EXPECT_NE(lines[1].text.find("41.2"), std::string::npos);
  EXPECT_EQ(lines[1].number, 2u);
}

TEST_F(LinesTest, knows_a_file_again_by_its_head_although_it_grew) {
  const FileHead before = head_of(write("i", "one\n")).value();
  const std::string path = write("i", "one\ntwo\n");
  EXPECT_NE(head_of(path).value(), before);
  EXPECT_EQ(head_of(path, before.bytes).value(), before);
  EXPECT_NE(head_of(write("i", "ONE\ntwo\n"), before.bytes).value(), before);
}

}  // namespace
}  // namespace waybill::app
