#include "wire/bytes.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

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
    // Eight zeros at once, then four, two, one: together as many as there are.
    constexpr std::pair<uint8_t, int64_t> steps[] = {{8, 100'000'000}, {4, 10'000}, {2, 100}, {1, 10}};
    for (const auto& [zeros, power] : steps) {
      if (scale < zeros || digits % power != 0) continue;
      digits /= power;
      scale = static_cast<uint8_t>(scale - zeros);
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

char* put_varint(char* at, uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

char* put_signed(char* at, int64_t value) {
  return put_varint(at, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

char* put_text(char* at, std::string_view text) {
  at = put_varint(at, text.size());
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put_fixed64(char* at, uint64_t value) {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

char* put_number(char* at, double value) {
  const Decimal decimal = decimal_of(value);
  *at++ = static_cast<char>(decimal.scale);
  if (decimal.scale == raw_double) return put_fixed64(at, std::bit_cast<uint64_t>(value));
  return put_signed(at, decimal.digits);
}

void put_varint(std::string& into, uint64_t value) {
  char bytes[number_bytes_max];
  into.append(bytes, static_cast<size_t>(put_varint(bytes, value) - bytes));
}

void put_signed(std::string& into, int64_t value) {
  char bytes[number_bytes_max];
  into.append(bytes, static_cast<size_t>(put_signed(bytes, value) - bytes));
}

void put_text(std::string& into, std::string_view text) {
  put_varint(into, text.size());
  into.append(text);
}

void put_fixed64(std::string& into, uint64_t value) {
  char bytes[number_bytes_max];
  into.append(bytes, static_cast<size_t>(put_fixed64(bytes, value) - bytes));
}

void put_number(std::string& into, double value) {
  char bytes[number_bytes_max];
  into.append(bytes, static_cast<size_t>(put_number(bytes, value) - bytes));
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
