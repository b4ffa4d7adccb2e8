#include "wire/gzip_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/random.h"

namespace waybill::wire {
namespace {

std::string pack(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string sample() {
  std::string text;
  Random random(3);
  while (text.size() < 300'000) text += std::to_string(random.below(1000)) + "\n";
  return text + std::string(500'000, 'x');
}

TEST(GzipReader, gives_the_same_text_however_the_file_is_cut) {
  constexpr uint64_t seed = 11;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::string plain = sample(), packed = pack(plain);
  for (int run = 0; run < 20; ++run) {
    GzipReader reader;
    std::string unpacked;
    for (size_t at = 0; at < packed.size();) {
      const size_t length = std::min<size_t>(1 + random.below(run == 0 ? 1 : 5000), packed.size() - at);
      ASSERT_TRUE(reader.unpack(std::string_view(packed).substr(at, length), unpacked));
      at += length;
    }
    EXPECT_TRUE(unpacked == plain);
    EXPECT_TRUE(reader.whole());
  }
}

TEST(GzipReader, takes_members_that_follow_each_other_as_one_text) {
  GzipReader reader;
  std::string unpacked;
  ASSERT_TRUE(reader.unpack(pack("one\n") + pack("") + pack("two\n"), unpacked));
  EXPECT_EQ(unpacked, "one\ntwo\n");
  EXPECT_TRUE(reader.whole());
}

TEST(GzipReader, is_not_whole_where_the_end_is_missing) {
  const std::string packed = pack(sample());
  GzipReader reader;
  std::string unpacked;
  ASSERT_TRUE(reader.unpack(std::string_view(packed).substr(0, packed.size() - 1), unpacked));
  EXPECT_FALSE(reader.whole());
  EXPECT_FALSE(GzipReader().whole());
}

TEST(GzipReader, refuses_damage_and_stays_so) {
  std::string packed = pack(sample());
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // the checksum
  GzipReader reader;
  std::string unpacked;
  const auto result = reader.unpack(packed, unpacked);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::invalid);
  EXPECT_FALSE(reader.whole());
  EXPECT_FALSE(reader.unpack(pack("x"), unpacked));
  EXPECT_FALSE(GzipReader().unpack("{\"order_id\":1}", unpacked));
}

}  // namespace
}  // namespace waybill::wire
