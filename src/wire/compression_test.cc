#include "wire/compression.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace waybill::wire {
namespace {

constexpr size_t plenty = 1 << 20;

std::string some_text(size_t bytes) {
  Random random(7);
  std::string text;
  while (text.size() < bytes) text += std::to_string(random.below(1000)) + ",";
  return text;
}

class Both : public testing::TestWithParam<Compression> {};
INSTANTIATE_TEST_SUITE_P(Compression, Both, testing::Values(Compression::gzip, Compression::zstd));

TEST_P(Both, gives_back_what_was_packed) {
  for (size_t bytes : {0, 1, 1000, 200'000}) {
    const std::string text = some_text(bytes);
    const auto plain = decompress(compress(text, GetParam()), GetParam(), plenty);
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(*plain, text);
  }
}

TEST_P(Both, takes_several_members_one_after_the_other) {
  const std::string packed = compress("one,", GetParam()) + compress("two", GetParam());
  EXPECT_EQ(*decompress(packed, GetParam(), plenty), "one,two");
}

TEST_P(Both, refuses_a_bomb_before_it_is_unpacked) {
  const std::string bomb = compress(std::string(50 << 20, 'x'), GetParam());
  const auto plain = decompress(bomb, GetParam(), plenty);
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code, Code::overloaded);
}

TEST_P(Both, takes_exactly_the_most_and_not_one_byte_more) {
  const std::string packed = compress(std::string(1000, 'x'), GetParam());
  EXPECT_TRUE(decompress(packed, GetParam(), 1000));
  EXPECT_EQ(decompress(packed, GetParam(), 999).error().code, Code::overloaded);
}

TEST_P(Both, refuses_what_is_cut_off_damaged_or_something_else) {
  const std::string packed = compress(some_text(5000), GetParam());
  for (size_t bytes = 1; bytes < packed.size(); bytes += 97)
    EXPECT_EQ(decompress(packed.substr(0, bytes), GetParam(), plenty).error().code, Code::invalid) << bytes;
  EXPECT_EQ(decompress("{\"order_id\":1}", GetParam(), plenty).error().code, Code::invalid);
  EXPECT_EQ(decompress(packed + "junk", GetParam(), plenty).error().code, Code::invalid);
}

}  // namespace
}  // namespace waybill::wire
