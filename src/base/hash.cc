#include "base/hash.h"

#include "base/check.h"

#include <isa-l/crc.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstdio>

namespace waybill {

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

}  // namespace waybill
