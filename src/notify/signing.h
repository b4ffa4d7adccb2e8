// notify/signing.h — by what a receiver knows that a request is ours: the Standard Webhooks convention.
//
// A webhook's secret is made from a key file and the webhook's id, and kept nowhere. webhook-signature is "v1," and base64 of
// HMAC-SHA256 by the secret's bytes over "<webhook-id>.<webhook-timestamp>.<body>".
#pragma once

#include <string>
#include <string_view>

#include "base/guarded.h"
#include "base/result.h"

namespace waybill::notify {

inline constexpr std::string_view key_file = "webhooks.key";

// Threads: all methods from any thread.
// Failure: those of reading or making the key file.
class Signer {
 public:
  // The key file is in this folder, made when it is first needed. `key`: given instead, by tests.
  explicit Signer(std::string keys_folder, std::string key = {})
      : keys_folder_(std::move(keys_folder)), key_(std::move(key)) {}

  Result<std::string> secret(std::string_view hook) const;  // "whsec_" and base64, as libraries take it
  Result<std::string> signature(std::string_view hook, std::string_view id, int64_t unix_seconds,
                                std::string_view body) const;

 private:
  Result<std::string> secret_bytes(std::string_view hook) const;

  const std::string keys_folder_;
  mutable Guarded<std::string> key_;
};

}  // namespace waybill::notify
