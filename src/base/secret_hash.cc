#include "base/secret_hash.h"

#include <sodium.h>

#include <array>
#include <cstring>

#include "base/check.h"

namespace waybill {

Hash128 secret_hash(const Hash128& key, std::string_view text) {
  static_assert(sizeof key == crypto_shorthash_siphashx24_KEYBYTES);
  std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES> key_bytes{};
  std::memcpy(key_bytes.data(), &key.high, sizeof key.high);
  std::memcpy(key_bytes.data() + sizeof key.high, &key.low, sizeof key.low);
  std::array<unsigned char, crypto_shorthash_siphashx24_BYTES> sum{};
  crypto_shorthash_siphashx24(sum.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                              key_bytes.data());
  Hash128 hash;
  std::memcpy(&hash.high, sum.data(), sizeof hash.high);
  std::memcpy(&hash.low, sum.data() + sizeof hash.high, sizeof hash.low);
  return hash;
}

Hash128 random_key() {
  CHECK(sodium_init() >= 0, "libsodium works on this machine");
  Hash128 key;
  randombytes_buf(&key, sizeof key);
  return key;
}

}  // namespace waybill
