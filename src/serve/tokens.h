// serve/tokens.h — bearer tokens (JWT, RFC 7519): signed with our own key, checked against ours and an outside issuer's.
//
// Ours are ES256. Which algorithm is taken follows from the key, never from the token. A key is a PEM file of the keys folder,
// mode 0600; the one with the last name signs, all check, so that a new key can be brought in before an old one goes.
// Threads: all methods from any thread.
// Failure: check: denied, with a reason that may be told. open: not_found where the folder has no key, denied where others
//          may read one, invalid where one is none.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "domain/access.h"

namespace waybill::serve {

inline constexpr size_t token_bytes_max = 8192;  // a longer one is none
inline constexpr Duration token_clock_skew_max =
    std::chrono::minutes(1);  // by which an expired or early one still holds

struct Claims {
  Role role = Role::deliverer;
  std::string subject;
  std::string id;  // jti; empty where another issuer gave none
  std::optional<Time> expires_at;

  bool operator==(const Claims&) const = default;
};

// Another issuer whose tokens count as well, by its JSON Web Key Set (RFC 7517): EC keys on P-256 and RSA keys.
struct OutsideIssuer {
  std::string issuer;  // `iss` must be this
  std::string audience;  // `aud` must hold this, where not empty
  std::string role_claim = "role";  // the claim with one of our roles' names
  std::string jwks;  // the key set's JSON text
};

class Tokens {
 public:
  virtual ~Tokens() = default;
  virtual Result<std::string> sign(const Claims& claims, Time now) const = 0;
  virtual Result<Claims> check(std::string_view token, Time now) const = 0;
  // Replaces the outside issuer's keys; invalid, and nothing changed, where the text is no key set.
  virtual Result<void> take_outside(const OutsideIssuer& outside) = 0;
};

// An empty folder name: no keys of ours, only an outside issuer's.
Result<std::unique_ptr<Tokens>> open_tokens(const std::string& keys_folder);
// Makes a key and its file, and the folder where missing. The name sorts behind those made before.
Result<std::string> make_token_key(const std::string& keys_folder, Time now);
// Whether the folder holds a key.
bool has_token_key(const std::string& keys_folder);

}  // namespace waybill::serve
