// serve/gate.h — the door with keys: who a request's credential says it is, whether that may do what it asks, and how often.
//
// A credential is a token (Authorization: Bearer, the password of Basic, ?token=, the cookie of a session) or the secret of a
// customer's link (Bearer, ?link=). With no keys every request is let in as it is, one with ?link= as that customer's: the
// process listens on loopback only then.
// Threads:  all methods from any of the loops' threads.
// Failure:  401 without a credential that holds, 403 where it may not do this, 429 with Retry-After; each in the audit.
// Limits:   known_max credentials are remembered; whether one was taken back is asked again after known_ms_max. After
//           bad_burst bad credentials an address may try one more every second only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "serve/audit.h"
#include "serve/http.h"
#include "serve/limiter.h"
#include "serve/tokens.h"
#include "store/store.h"

namespace waybill::serve {

inline constexpr size_t known_max = 10'000;
inline constexpr std::chrono::milliseconds known_ms_max{1'000};
inline constexpr double bad_burst = 30;
inline constexpr std::string_view session_cookie = "waybill_session";

struct GateOptions {
  std::vector<std::string> cors_origins;  // "https://shop.example", or "*"
  std::vector<std::string> trusted_proxies;  // whose X-Forwarded-For is believed: addresses
  double address_per_second = 0;  // requests; 0: no limit
  double token_per_second = 0;  // of deliverers and customers
  double burst_seconds = 10;  // so many seconds' worth may come at once
  bool secure = false;  // over TLS: the browser is told to stay with it
};

// `tokens` null: open to all.
std::unique_ptr<Door> make_gate(const Tokens* tokens, const store::Store& store, Audit& audit, Clock& clock,
                                Metrics& metrics, GateOptions options);

// The id under which a link's secret is kept: BLAKE2b-128, in hex.
std::string link_id(std::string_view secret);

}  // namespace waybill::serve
