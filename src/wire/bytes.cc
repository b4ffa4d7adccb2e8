#include "wire/bytes.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace waybill::wire {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint8_t raw_double = 255;
constexpr uint8_t scale_max = 9;
constexpr double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
constexpr double exact_integer_max = 9007199254740992.0;  // 2^53: up to here every integer is a double

struct Decimal {
  uint8_t scale;
  int64_t digits;
};

// The value as digits / 10^scale, where a division gives back exactly the double; scale raw_double where none does.
Decimal decimal_of(double value) {
  if (value == 0 && std::signbit(value)) return {raw_double, 0};
  // One try with the most digits settles it for all values of a size that we meet; its zeros are then cut.
  if (std::abs(value) < exact_integer_max / powers[scale_max]) {
    int64_t digits = std::llrint(value * powers[scale_max]);
    if (static_cast<double>(digits) / powers[scale_max] != value) return {raw_double, 0};
    uint8_t scale = scale_max;
    while (scale > 0 && digits % 10 == 0) {
      digits /= 10;
      --scale;
    }
    return {scale, digits};
  }
  for (uint8_t scale = 0; scale <= scale_max; ++scale) {
    const double scaled = value * powers[scale];
    if (!(std::abs(scaled) < exact_integer_max)) break;  // NaN and infinity too
    const int64_t digits = std::llrint(scaled);
    if (static_cast<double>(digits) / powers[scale] == value) return {scale, digits};
  }
  return {raw_double, 0};
}

}  // namespace

void put_varint(std::string& into, uint64_t value) {
  char bytes[10];
  size_t count = 0;
  while (value >= 0x80) {
    bytes[count++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  bytes[count++] = static_cast<char>(value);
  into.append(bytes, count);
}

void put_signed(std::string& into, int64_t value) {
  put_varint(into, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void put_text(std::string& into, std::string_view text) {
  put_varint(into, text.size());
  into.append(text);
}

void put_fixed64(std::string& into, uint64_t value) {
  char bytes[8];
  std::memcpy(bytes, &value, sizeof bytes);
  into.append(bytes, sizeof bytes);
}

void put_number(std::string& into, double value) {
  const Decimal decimal = decimal_of(value);
  into.push_back(static_cast<char>(decimal.scale));
  if (decimal.scale == raw_double)
    put_fixed64(into, std::bit_cast<uint64_t>(value));
  else
    put_signed(into, decimal.digits);
}

uint8_t Taker::byte() {
  if (at_ == end_) {
    refuse();
    return 0;
  }
  return std::to_integer<uint8_t>(*at_++);
}

uint64_t Taker::varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    const uint8_t part = byte();
    if (!ok_) return 0;
    value |= static_cast<uint64_t>(part & 0x7f) << (shift < 64 ? shift : 63);
    if (part < 0x80) {
      // Beyond 64 bits, or a longer form than put_varint makes.
      if ((shift == 63 && part > 1) || (part == 0 && shift > 0)) break;
      return value;
    }
  }
  refuse();
  return 0;
}

int64_t Taker::signed_varint() {
  const uint64_t folded = varint();
  return static_cast<int64_t>((folded >> 1) ^ (~(folded & 1) + 1));
}

std::string_view Taker::text() {
  const uint64_t size = varint();
  if (!ok_ || size > static_cast<uint64_t>(end_ - at_)) {
    refuse();
    return {};
  }
  const std::string_view text(reinterpret_cast<const char*>(at_), size);
  at_ += size;
  return text;
}

uint64_t Taker::fixed64() {
  uint64_t value = 0;
  if (end_ - at_ < static_cast<ptrdiff_t>(sizeof value)) {
    refuse();
    return 0;
  }
  std::memcpy(&value, at_, sizeof value);
  at_ += sizeof value;
  return value;
}

double Taker::number() {
  const uint8_t scale = byte();
  if (scale == raw_double) return std::bit_cast<double>(fixed64());
  if (scale > scale_max) refuse();
  if (!ok_) return 0;
  const int64_t digits = signed_varint();
  return static_cast<double>(digits) / powers[scale];
}

}  // namespace waybill::wire
