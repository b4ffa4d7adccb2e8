#include "serve/tiles.h"

#include <gtest/gtest.h>

namespace waybill::serve {
namespace {

class Tiles : public testing::Test {
 protected:
  Reply get(std::string_view range, std::string_view known = {}) {
    const std::vector<Header> headers{{"Range", range}, {"If-None-Match", known}};
    return tile_route(archive_).handler(Request{.method = Method::get, .headers = headers});
  }
  static std::string header(const Reply& reply, std::string_view wanted) {
    for (const auto& [name, value] : reply.headers)
      if (name == wanted) return value;
    return {};
  }

  std::string bytes_ = "0123456789";
  TileArchive archive_{
      .size = 10, .tag = "\"a\"", .read = [this](uint64_t offset, size_t bytes) -> Result<std::string> {
        return bytes_.substr(offset, bytes);
      }};
};

TEST_F(Tiles, a_range_is_answered_by_its_bytes) {
  const Reply reply = get("bytes=2-4");
  EXPECT_EQ(reply.status, 206);
  EXPECT_EQ(reply.body, "234");
  EXPECT_EQ(header(reply, "Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(header(reply, "ETag"), "\"a\"");
  EXPECT_EQ(get("bytes=8-").body, "89");
  EXPECT_EQ(get("bytes=-3").body, "789");
  EXPECT_EQ(get("bytes=7-999").body, "789") << "up to the end, as PMTiles' first request asks";
}

TEST_F(Tiles, what_lies_behind_the_end_is_416) {
  EXPECT_EQ(get("bytes=10-12").status, 416);
  EXPECT_EQ(header(get("bytes=10-12"), "Content-Range"), "bytes */10");
  EXPECT_EQ(get("bytes=-0").status, 416);
}

TEST_F(Tiles, what_is_no_range_is_passed_over) {
  for (const char* odd : {"", "bytes=4-2", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", "bytes=99999999999999999999-"})
    EXPECT_EQ(get(odd).body, bytes_) << odd;
}

TEST_F(Tiles, a_long_archive_is_given_in_parts_of_a_bounded_size_only) {
  archive_.size = 10 * tile_range_bytes_max;
  uint64_t read = 0;
  archive_.read = [&](uint64_t, size_t bytes) -> Result<std::string> {
    read = bytes;
    return std::string(bytes, 'x');
  };
  EXPECT_EQ(get("").status, 400);
  EXPECT_EQ(read, 0U);
  EXPECT_EQ(get("bytes=1-").status, 206);
  EXPECT_EQ(read, tile_range_bytes_max);
}

TEST_F(Tiles, who_has_it_is_not_sent_it_again_and_a_disk_that_fails_is_said) {
  EXPECT_EQ(get("", "\"a\"").status, 304);
  archive_.read = [](uint64_t, size_t) -> Result<std::string> { return fail(Code::unavailable, "the disk"); };
  EXPECT_EQ(get("bytes=0-1").status, 503);
}

}  // namespace
}  // namespace waybill::serve
