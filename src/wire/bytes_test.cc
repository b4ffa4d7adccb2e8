#include "wire/bytes.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/random.h"

namespace waybill::wire {
namespace {

double through_bytes(double value, size_t* size = nullptr) {
  std::string bytes;
  put_number(bytes, value);
  if (size != nullptr) *size = bytes.size();
  Taker taker(as_bytes(bytes));
  const double back = taker.number();
  EXPECT_TRUE(taker.done()) << value;
  return back;
}

TEST(Bytes, varints_come_back_at_every_width) {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    for (const int64_t step : {-1, 0, 1}) {
      const uint64_t value = (bits == 64 ? 0 : uint64_t{1} << bits) + static_cast<uint64_t>(step);
      std::string bytes;
      put_varint(bytes, value);
      put_signed(bytes, static_cast<int64_t>(value));
      Taker taker(as_bytes(bytes));
      EXPECT_EQ(taker.varint(), value);
      EXPECT_EQ(taker.signed_varint(), static_cast<int64_t>(value));
      EXPECT_TRUE(taker.done());
    }
  }
}

TEST(Bytes, a_varint_that_is_too_long_or_longer_than_needed_is_refused) {
  for (const std::string& bytes :
       {std::string("\x80"), std::string("\x80\x00", 2), std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    Taker taker(as_bytes(bytes));
    EXPECT_EQ(taker.varint(), 0u);
    EXPECT_FALSE(taker.ok());
  }
}

TEST(Bytes, a_text_that_claims_more_than_there_is_gives_nothing) {
  std::string bytes;
  put_varint(bytes, std::numeric_limits<uint64_t>::max());
  bytes += "abc";
  Taker taker(as_bytes(bytes));
  EXPECT_EQ(taker.text(), "");
  EXPECT_FALSE(taker.ok());
  EXPECT_EQ(taker.fixed64(), 0u);
  EXPECT_EQ(taker.byte(), 0);
  EXPECT_FALSE(taker.done());
}

TEST(Bytes, every_double_comes_back_bit_for_bit) {
  using limits = std::numeric_limits<double>;
  for (const double value : {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             0.1,
                             41.1579,
                             -8.629105,
                             1e9,
                             1e15,
                             1e16,
                             1e22,
                             9007199254740993.0,
                             9007199.254740993,
                             limits::max(),
                             limits::lowest(),
                             limits::min(),
                             limits::denorm_min(),
                             limits::infinity(),
                             -limits::infinity(),
                             limits::quiet_NaN()})
    EXPECT_EQ(std::bit_cast<uint64_t>(through_bytes(value)), std::bit_cast<uint64_t>(value)) << value;
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 100'000; ++i) {
    const double any = std::bit_cast<double>(random.next());
    ASSERT_EQ(std::bit_cast<uint64_t>(through_bytes(any)), std::bit_cast<uint64_t>(any));
    const double power = std::pow(10, static_cast<double>(random.below(12)));
    const double decimal = static_cast<double>(static_cast<int64_t>(random.next() >> random.below(60))) / power;
    ASSERT_EQ(std::bit_cast<uint64_t>(through_bytes(decimal)), std::bit_cast<uint64_t>(decimal));
  }
}

TEST(Bytes, coordinates_as_phones_send_them_are_short) {
  size_t size = 0;
  through_bytes(41.1579, &size);
  EXPECT_EQ(size, 4u);
  through_bytes(-8.629105, &size);
  EXPECT_LE(size, 5u);
  through_bytes(5, &size);
  EXPECT_EQ(size, 2u);
}

TEST(Bytes, a_scale_that_is_not_known_is_refused) {
  for (const int scale : {10, 11, 254}) {
    const std::string bytes{static_cast<char>(scale), 2};
    Taker taker(as_bytes(bytes));
    taker.number();
    EXPECT_FALSE(taker.ok());
  }
}

}  // namespace
}  // namespace waybill::wire
