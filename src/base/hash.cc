#include "base/hash.h"

#include "base/check.h"

#include <isa-l/crc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace waybill {
namespace {

template <class Number>
bool parse_hex(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

uint32_t crc32c(Bytes bytes, uint32_t before) {
  // ISA-L's name for the Castagnoli polynomial is iscsi; it takes but does not change the bytes, and leaves out both
  // final inversions.
  auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
  CHECK(bytes.size() <= INT32_MAX, "crc32c takes at most 2 GiB at once");
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~before);
}

Hash128 hash128(Bytes bytes, uint64_t seed) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {.high = hash.high64, .low = hash.low64};
}

uint64_t hash64(Bytes bytes, uint64_t seed) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed); }

std::string to_hex(const Hash128& hash) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(hash.high),
                static_cast<unsigned long long>(hash.low));
  return text.data();
}

std::string to_hex(uint32_t checksum) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", checksum);
  return text.data();
}

std::optional<Hash128> parse_hash128(std::string_view hex) {
  constexpr size_t digits = 16;
  Hash128 hash;
  const bool fine = hex.size() == 2 * digits && parse_hex(hex.substr(0, digits), hash.high) &&
                    parse_hex(hex.substr(digits), hash.low) && to_hex(hash) == hex;
  return fine ? std::optional(hash) : std::nullopt;
}

std::optional<uint32_t> parse_checksum(std::string_view hex) {
  uint32_t checksum = 0;
  return parse_hex(hex, checksum) && to_hex(checksum) == hex ? std::optional(checksum) : std::nullopt;
}

}  // namespace waybill
