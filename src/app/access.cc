#include "app/access.h"

#include <algorithm>

#include "app/http_client.h"
#include "base/log.h"
#include "base/pause.h"
#include "serve/credentials.h"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds issuer_retry{10};

bool is_url(const std::string& place) { return place.starts_with("https://") || place.starts_with("http://"); }

Result<std::string> read_key_set(const std::string& place) {
  if (!is_url(place)) return read_file(system_files(), place);
  TRY_LET(const auto client, open_http_client({.url = place}));
  TRY_LET(HttpAnswer answer, client->get({}));
  if (verdict_of(answer.status) != Verdict::taken)
    return fail(Code::unavailable, place + " answers " + std::to_string(answer.status));
  return std::move(answer.body);
}

Result<void> take_key_set(const Config& config, serve::Tokens& tokens) {
  TRY_LET(std::string jwks, read_key_set(config.auth_jwks));
  return tokens.take_outside({.issuer = config.auth_issuer,
                              .audience = config.auth_audience,
                              .role_claim = config.auth_role_claim,
                              .jwks = std::move(jwks)});
}

std::optional<int64_t> whole(const std::optional<uint64_t>& value) {
  return value ? std::optional(static_cast<int64_t>(*value)) : std::nullopt;
}
std::optional<double> real(const std::optional<uint64_t>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<serve::Tokens>> open_tokens_of(const Config& config) {
  const bool own = serve::has_token_key(config.keys_folder());
  if (!own && config.auth_jwks.empty()) return nullptr;
  TRY_LET(auto tokens, serve::open_tokens(own ? config.keys_folder() : std::string()));
  if (config.auth_jwks.empty()) return tokens;
  if (config.auth_issuer.empty()) return fail(Code::invalid, "auth.jwks needs auth.issuer: the `iss` of its tokens");
  // A file that is wrong is a mistake of now; an address may only be away for a while.
  if (!is_url(config.auth_jwks)) TRY(take_key_set(config, *tokens));
  return tokens;
}

Result<void> check_that_it_may_listen(const Config& config, const serve::Tokens* tokens) {
  if (tokens || config.on_loopback()) return {};
  return fail(Code::denied, "listen " + config.listen +
                                ": without keys everybody in the network could read and write everything. Make a key: "
                                "waybill token key --data " +
                                config.data + ", or set auth.jwks, or listen on 127.0.0.1");
}

void keep_outside_issuer(const Config& config, serve::Tokens& tokens, std::stop_token stop) {
  if (config.auth_jwks.empty()) return;
  while (!stop.stop_requested()) {
    const Result<void> taken = take_key_set(config, tokens);
    if (!taken) log::warning("the other issuer's keys cannot be read", {{"why", taken.error().message}});
    pause(taken ? std::chrono::seconds(issuer_keys_every) : issuer_retry, stop);
  }
}

serve::GateOptions gate_options(const Config& config, Secure secure) {
  return {.cors_origins = names_of(config.http_cors_origins),
          .trusted_proxies = names_of(config.http_trusted_proxies),
          .address_per_second = static_cast<double>(config.limits_address_per_second),
          .token_per_second = static_cast<double>(config.limits_token_per_second),
          .secure = secure == Secure::yes};
}

PrivacyRule privacy_of(const Config& config) {
  return {.stops_max = whole(config.privacy_stops_max),
          .metres_max = real(config.privacy_metres_max),
          .minutes_max = real(config.privacy_minutes_max),
          .area_m = static_cast<double>(config.privacy_area_metres),
          .trail = std::chrono::minutes(config.privacy_trail_minutes),
          .after_close = std::chrono::minutes(config.privacy_after_close_minutes)};
}

Result<std::string> own_token(const Config& config, Role role, Duration holds) {
  if (!serve::has_token_key(config.keys_folder())) return std::string();
  TRY_LET(const auto tokens, serve::open_tokens(config.keys_folder()));
  const Time now = system_clock().now();
  return tokens->sign({.role = role, .subject = "console", .id = serve::random_secret(), .expires_at = now + holds},
                      now);
}

}  // namespace waybill::app
