// app/access.h — what the settings say of who may come in: keys, another issuer, limits, privacy.
#pragma once

#include <memory>
#include <stop_token>

#include "app/config.h"
#include "domain/privacy.h"
#include "serve/gate.h"
#include "serve/tokens.h"

namespace waybill::app {

// Null where there are neither keys nor another issuer: everybody may do everything.
Result<std::unique_ptr<serve::Tokens>> open_tokens_of(const Config& config);
// Without keys on loopback only: denied otherwise, with what to do.
Result<void> check_that_it_may_listen(const Config& config, const serve::Tokens* tokens);
// Reads the other issuer's keys at once and then every issuer_keys_every, until stop. What fails is told to the log and tried again.
inline constexpr std::chrono::minutes issuer_keys_every{10};
void keep_outside_issuer(const Config& config, serve::Tokens& tokens, std::stop_token stop);

enum class Secure : uint8_t { no, yes };  // over TLS
serve::GateOptions gate_options(const Config& config, Secure secure);
PrivacyRule privacy_of(const Config& config);

// A token by which this machine's own programs speak with the process; empty without keys.
Result<std::string> own_token(const Config& config, Role role, Duration holds);

}  // namespace waybill::app
