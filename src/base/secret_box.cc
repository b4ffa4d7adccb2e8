#include "base/secret_box.h"

#include <sodium.h>

#include <array>

namespace waybill {

std::optional<std::string> open_secret_box(std::string_view passphrase, std::string_view sealed) {
  if (passphrase.size() > passphrase_bytes_max) return std::nullopt;
  std::array<unsigned char, crypto_secretbox_KEYBYTES> key{};
  static_assert(sizeof key == passphrase_bytes_max);
  passphrase.copy(reinterpret_cast<char*>(key.data()), key.size());

  std::string bytes(sealed.size(), '\0');
  size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), sealed.data(), sealed.size(),
                        "\r\n", &length, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  if (length < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES) return std::nullopt;
  const auto* const nonce = reinterpret_cast<const unsigned char*>(bytes.data());
  const size_t box_bytes = length - crypto_secretbox_NONCEBYTES;
  std::string plain(box_bytes - crypto_secretbox_MACBYTES, '\0');
  const int opened = crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(plain.data()),
                                                nonce + crypto_secretbox_NONCEBYTES, box_bytes, nonce, key.data());
  sodium_memzero(key.data(), key.size());
  if (opened != 0) return std::nullopt;
  return plain;
}

}  // namespace waybill
