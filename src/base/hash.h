// base/hash.h — checksums and identities: CRC32C (Castagnoli) for frames, XXH3 for ids and sums.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace waybill {

// 128 bits; as a sum it wraps, so the order of adding does not matter.
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  auto operator<=>(const Hash128&) const = default;
  Hash128& operator+=(const Hash128& other) {
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
    return *this;
  }
  Hash128& operator-=(const Hash128& other) {
    high -= other.high + (low < other.low ? 1 : 0);
    low -= other.low;
    return *this;
  }
};

uint32_t crc32c(Bytes bytes, uint32_t before = 0);
Hash128 hash128(Bytes bytes, uint64_t seed = 0);
uint64_t hash64(Bytes bytes, uint64_t seed = 0);
std::string to_hex(const Hash128& hash);  // 32 digits
std::string to_hex(uint32_t checksum);  // 8 digits
// Nothing for a text that to_hex would not give.
std::optional<Hash128> parse_hash128(std::string_view hex);
std::optional<uint32_t> parse_checksum(std::string_view hex);

}  // namespace waybill
