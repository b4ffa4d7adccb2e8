// base/secret_box.h — opens what was sealed with a passphrase: libsodium's crypto_secretbox (XSalsa20 and Poly1305).
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace waybill {

inline constexpr size_t passphrase_bytes_max =
    32;  // the key: a shorter one is filled with zeros, a longer one opens nothing

// `sealed`: in base64 the nonce of 24 bytes and the box behind it. Nothing where it is not that, or was sealed with another one.
std::optional<std::string> open_secret_box(std::string_view passphrase, std::string_view sealed);

}  // namespace waybill
