#include "notify/signing.h"

#include <sodium.h>

#include <array>

#include "base/base64.h"
#include "base/check.h"
#include "base/files.h"
#include "base/secret_file.h"

namespace waybill::notify {
namespace {

constexpr size_t key_bytes = 32;

std::string hmac(std::string_view key, std::string_view message) {
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> sum{};
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()), key.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char*>(message.data()), message.size());
  crypto_auth_hmacsha256_final(&state, sum.data());
  return {reinterpret_cast<const char*>(sum.data()), sum.size()};
}

std::string random_bytes(size_t count) {
  CHECK(sodium_init() >= 0, "libsodium works on this machine");
  std::string bytes(count, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return bytes;
}

Result<std::string> key_of(std::string_view text) {
  std::string key(key_bytes, '\0');
  size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(key.data()), key.size(), text.data(), text.size(), "\n", &size,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      size != key_bytes)
    return fail(Code::invalid, std::string(key_file) + ": expected 32 bytes in base64");
  return key;
}

Result<std::string> open_key(const std::string& keys_folder) {
  const std::string path = join_path(keys_folder, key_file);
  if (!system_files().info(path))
    TRY(write_secret_file(keys_folder, std::string(key_file), base64(random_bytes(key_bytes)) + '\n'));
  TRY_LET(const std::string text, read_secret_file(path));
  return key_of(text);
}

}  // namespace

Result<std::string> Signer::secret_bytes(std::string_view hook) const {
  return key_.with([&](std::string& key) -> Result<std::string> {
    if (key.empty()) {
      TRY_LET(key, open_key(keys_folder_));
    }
    return hmac(key, hook);
  });
}

Result<std::string> Signer::secret(std::string_view hook) const {
  TRY_LET(const std::string bytes, secret_bytes(hook));
  return "whsec_" + base64(bytes);
}

Result<std::string> Signer::signature(std::string_view hook, std::string_view id, int64_t unix_seconds,
                                      std::string_view body) const {
  TRY_LET(const std::string bytes, secret_bytes(hook));
  std::string signed_text(id);
  signed_text.append(".").append(std::to_string(unix_seconds)).append(".").append(body);
  return "v1," + base64(hmac(bytes, signed_text));
}

}  // namespace waybill::notify
