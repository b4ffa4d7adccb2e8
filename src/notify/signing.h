// notify/signing.h — by what a receiver knows that a request is ours: the Standard Webhooks convention.
//
// A webhook's secret is made from a key file and the webhook's id, and kept nowhere. webhook-signature is "v1," and base64 of
// HMAC-SHA256 by the secret's bytes over "<webhook-id>.<webhook-timestamp>.<body>".
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace waybill::notify {

inline constexpr std::string_view key_file = "webhooks.key";

class Signer {
 public:
  // The key in this folder, made where it is missing.
  static Result<Signer> open(const std::string& keys_folder);
  explicit Signer(std::string key) : key_(std::move(key)) {}

  std::string secret(std::string_view hook) const;  // "whsec_" and base64, as libraries take it
  std::string signature(std::string_view hook, std::string_view id, int64_t unix_seconds, std::string_view body) const;

 private:
  std::string key_;
};

}  // namespace waybill::notify
