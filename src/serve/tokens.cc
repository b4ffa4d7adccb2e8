#include "serve/tokens.h"

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/files.h"
#include "base/guarded.h"
#include "base/secret_file.h"
#include "wire/json_text.h"

namespace waybill::serve {
namespace {

template <auto release>
struct Releases {
  void operator()(auto* what) const { release(what); }
};
using Jwt = std::unique_ptr<jwt_t, Releases<jwt_free>>;
using Key = std::unique_ptr<EVP_PKEY, Releases<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Releases<EVP_PKEY_CTX_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Releases<OSSL_PARAM_free>>;
using ParamBuild = std::unique_ptr<OSSL_PARAM_BLD, Releases<OSSL_PARAM_BLD_free>>;
using Number = std::unique_ptr<BIGNUM, Releases<BN_free>>;
using Text = std::unique_ptr<BIO, Releases<BIO_vfree>>;
using JwtText = std::unique_ptr<char, Releases<std::free>>;

constexpr std::string_view our_issuer = "waybill";
constexpr std::string_view key_file_end = ".pem";

std::unexpected<Error> denied(std::string reason) { return fail(Code::denied, std::move(reason)); }

std::string text_of(const Text& bio) {
  const char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(std::max(0L, count))};
}

Result<std::string> private_pem(const Key& key) {
  const Text bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(Code::unavailable, "cannot write a private key");
  return text_of(bio);
}

Result<std::string> public_pem(const Key& key) {
  const Text bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) return fail(Code::unavailable, "cannot write a public key");
  return text_of(bio);
}

// A key that checks, with the one algorithm that it may be used with.
struct Checker {
  std::string id;  // kid
  std::string algorithm;
  std::string pem;
};

struct Signer {
  std::string id;
  std::string pem;
};

struct Outside {
  OutsideIssuer issuer;
  std::vector<Checker> keys;
};

Result<std::string> from_base64url(std::string_view text) {
  std::string bytes(text.size(), '\0');
  size_t length = 0;
  const char* end = nullptr;
  const bool read =
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(), text.size(), nullptr,
                        &length, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
      end == text.data() + text.size();
  if (!read) return fail(Code::invalid, "expected base64url");
  bytes.resize(length);
  return bytes;
}

Result<Key> key_from(const char* kind, const ParamBuild& build) {
  const Params params(OSSL_PARAM_BLD_to_param(build.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return fail(Code::invalid, std::string("a key of the set is not a valid ") + kind + " key");
  return Key(key);
}

Result<Key> ec_key(std::string_view x, std::string_view y) {
  TRY_LET(const std::string x_bytes, from_base64url(x));
  TRY_LET(const std::string y_bytes, from_base64url(y));
  constexpr size_t p256_bytes = 32;
  if (x_bytes.size() != p256_bytes || y_bytes.size() != p256_bytes)
    return fail(Code::invalid, "x and y of an EC key on P-256 have 32 bytes");
  const std::string point = '\x04' + x_bytes + y_bytes;
  const ParamBuild build(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return key_from("EC", build);
}

Result<Key> rsa_key(std::string_view n, std::string_view e) {
  TRY_LET(const std::string n_bytes, from_base64url(n));
  TRY_LET(const std::string e_bytes, from_base64url(e));
  constexpr size_t rsa_bytes_min = 256;  // 2048 bits
  if (n_bytes.size() < rsa_bytes_min) return fail(Code::invalid, "an RSA key has at least 2048 bits");
  const auto number = [](const std::string& bytes) {
    return Number(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
  };
  const Number modulus = number(n_bytes), exponent = number(e_bytes);
  const ParamBuild build(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return key_from("RSA", build);
}

// Keys of a kind or use that we do not take are passed over.
Result<std::vector<Checker>> checkers_of(std::string_view jwks) {
  wire::JsonChecker checker;
  TRY(checker.check(jwks));
  std::vector<Checker> checkers;
  const std::string_view set = wire::json_trimmed(jwks);
  if (wire::kind_of(set) != wire::JsonKind::object) return fail(Code::invalid, "expected an object with keys");
  wire::JsonWalk members(set);
  std::string_view literal, keys;
  while (members.next_member(literal, keys)) {
    if (literal != "\"keys\"" || wire::kind_of(keys) != wire::JsonKind::array) continue;
    wire::JsonWalk elements(keys);
    std::string_view element;
    while (elements.next_element(element)) {
      if (wire::kind_of(element) != wire::JsonKind::object) return fail(Code::invalid, "a key of the set is no object");
      const auto fields = wire::text_members(element);
      const auto field = [&](std::string_view name) {
        const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
        return found == fields.end() ? std::string() : found->second;
      };
      const bool is_ec = field("kty") == "EC" && field("crv") == "P-256";
      const bool is_rsa = field("kty") == "RSA" && (field("alg").empty() || field("alg") == "RS256");
      if ((!is_ec && !is_rsa) || field("use") == "enc") continue;
      TRY_LET(const Key key, is_ec ? ec_key(field("x"), field("y")) : rsa_key(field("n"), field("e")));
      TRY_LET(std::string pem, public_pem(key));
      checkers.push_back({.id = field("kid"), .algorithm = is_ec ? "ES256" : "RS256", .pem = std::move(pem)});
    }
  }
  if (checkers.empty()) return fail(Code::invalid, "the key set has no EC key on P-256 and no RSA key for signatures");
  return checkers;
}

Jwt decoded(const std::string& token, const std::string& pem) {
  jwt_t* jwt = nullptr;
  const auto* key = pem.empty() ? nullptr : reinterpret_cast<const unsigned char*>(pem.data());
  if (jwt_decode(&jwt, token.c_str(), key, static_cast<int>(pem.size())) != 0) return nullptr;
  return Jwt(jwt);
}

std::string text_claim(const Jwt& jwt, const char* name) {
  const char* text = jwt_get_grant(jwt.get(), name);
  return text ? text : "";
}

// Seconds since 1970; a number that is none, or is beyond the year 9999, is left out like one that is missing.
std::optional<Time> time_claim(const Jwt& jwt, const char* name) {
  const JwtText json(jwt_get_grants_json(jwt.get(), name));
  if (!json) return std::nullopt;
  constexpr long year_10000 = 253'402'300'800;
  const long seconds = jwt_get_grant_int(jwt.get(), name);
  return Time(std::chrono::seconds(std::clamp(seconds, 0L, year_10000)));
}

bool audience_holds(const Jwt& jwt, const std::string& audience) {
  if (text_claim(jwt, "aud") == audience) return true;
  const JwtText json(jwt_get_grants_json(jwt.get(), "aud"));
  if (!json || wire::kind_of(json.get()) != wire::JsonKind::array) return false;
  wire::JsonWalk walk(json.get());
  std::string_view element;
  std::string scratch;
  while (walk.next_element(element))
    if (wire::kind_of(element) == wire::JsonKind::string && wire::json_string(element, scratch) == audience)
      return true;
  return false;
}

class JwtTokens final : public Tokens {
 public:
  JwtTokens(std::vector<Signer> signers, std::vector<Checker> checkers)
      : signers_(std::move(signers)), checkers_(std::move(checkers)) {}

  Result<std::string> sign(const Claims& claims, Time now) const override {
    if (signers_.empty()) return fail(Code::not_found, "there is no key to sign with: waybill token key");
    jwt_t* made = nullptr;
    if (jwt_new(&made) != 0) return fail(Code::unavailable, "no memory for a token");
    const Jwt jwt(made);
    const auto seconds = [](Time time) { return static_cast<long>(to_us(time) / 1'000'000); };
    bool good = jwt_add_header(jwt.get(), "kid", signers_.back().id.c_str()) == 0 &&
                jwt_add_grant(jwt.get(), "iss", std::string(our_issuer).c_str()) == 0 &&
                jwt_add_grant(jwt.get(), "role", std::string(to_string(claims.role)).c_str()) == 0 &&
                jwt_add_grant_int(jwt.get(), "iat", seconds(now)) == 0;
    if (!claims.subject.empty()) good = good && jwt_add_grant(jwt.get(), "sub", claims.subject.c_str()) == 0;
    if (!claims.id.empty()) good = good && jwt_add_grant(jwt.get(), "jti", claims.id.c_str()) == 0;
    if (claims.expires_at) good = good && jwt_add_grant_int(jwt.get(), "exp", seconds(*claims.expires_at)) == 0;
    const std::string& pem = signers_.back().pem;
    good = good && jwt_set_alg(jwt.get(), JWT_ALG_ES256, reinterpret_cast<const unsigned char*>(pem.data()),
                               static_cast<int>(pem.size())) == 0;
    const JwtText text(good ? jwt_encode_str(jwt.get()) : nullptr);
    if (!text) return fail(Code::invalid, "a token cannot be made of these claims");
    return std::string(text.get());
  }

  Result<Claims> check(std::string_view text, Time now) const override {
    if (text.size() > token_bytes_max) return denied("the token is too long");
    const std::string token(text);
    const Jwt unchecked = decoded(token, {});
    if (!unchecked) return denied("the token cannot be read");
    const char* algorithm = jwt_get_header(unchecked.get(), "alg");
    const char* id = jwt_get_header(unchecked.get(), "kid");
    const std::string said = algorithm ? algorithm : "";
    const std::string issuer = text_claim(unchecked, "iss");
    if (issuer == our_issuer) return checked(token, checkers_, said, id, now, "role");
    return outside_.with([&](const std::optional<Outside>& outside) -> Result<Claims> {
      if (!outside || issuer != outside->issuer.issuer)
        return denied("the token is of an issuer that is not known here");
      const std::string& audience = outside->issuer.audience;
      if (!audience.empty() && !audience_holds(unchecked, audience)) return denied("the token is for another audience");
      return checked(token, outside->keys, said, id, now, outside->issuer.role_claim.c_str());
    });
  }

  Result<void> take_outside(const OutsideIssuer& issuer) override {
    auto keys = checkers_of(issuer.jwks);
    if (!keys) return fail_in("key set of " + issuer.issuer, keys.error());
    if (issuer.issuer.empty() || issuer.issuer == our_issuer)
      return fail(Code::invalid, "auth.issuer: expected the name of another issuer");
    outside_.with([&](auto& outside) { outside = Outside{.issuer = issuer, .keys = std::move(*keys)}; });
    return {};
  }

 private:
  static Result<Claims> checked(const std::string& token, const std::vector<Checker>& keys,
                                const std::string& algorithm, const char* id, Time now, const char* role_claim) {
    for (const Checker& key : keys) {
      if (key.algorithm != algorithm || (id && !key.id.empty() && key.id != id)) continue;
      if (const Jwt jwt = decoded(token, key.pem)) return claims_of(jwt, now, role_claim);
    }
    return denied("the token is not signed by a key that is known here");
  }

  static Result<Claims> claims_of(const Jwt& jwt, Time now, const char* role_claim) {
    Claims claims{.role = {},
                  .subject = text_claim(jwt, "sub"),
                  .id = text_claim(jwt, "jti"),
                  .expires_at = time_claim(jwt, "exp")};
    if (claims.expires_at && now >= *claims.expires_at + token_clock_skew_max) return denied("the token has expired");
    const auto begins = time_claim(jwt, "nbf");
    if (begins && now + token_clock_skew_max < *begins) return denied("the token does not hold yet");
    const auto role = parse_role(text_claim(jwt, role_claim));
    if (!role) return denied("the token names no role of waybill");
    claims.role = *role;
    if (claims.subject.empty() && (*role == Role::deliverer || *role == Role::customer))
      return denied("the token does not say whose it is");
    return claims;
  }

  const std::vector<Signer> signers_;
  const std::vector<Checker> checkers_;
  Guarded<std::optional<Outside>> outside_;
};

Result<Key> read_key(const std::string& path, const std::string& pem) {
  const Text bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC)
    return fail(Code::invalid, path + ": expected a private EC key on P-256 in PEM");
  return key;
}

std::vector<std::string> key_names(const std::string& folder) {
  std::vector<std::string> names;
  if (const auto files = system_files().list(folder))
    for (const FileInfo& file : *files)
      if (file.name.ends_with(key_file_end)) names.push_back(file.name);
  return names;
}

}  // namespace

bool has_token_key(const std::string& keys_folder) { return !key_names(keys_folder).empty(); }

Result<std::unique_ptr<Tokens>> open_tokens(const std::string& keys_folder) {
  if (sodium_init() < 0) return fail(Code::unavailable, "libsodium cannot be started");
  std::vector<Signer> signers;
  std::vector<Checker> checkers;
  if (!keys_folder.empty()) {
    for (const std::string& name : key_names(keys_folder)) {
      const std::string path = join_path(keys_folder, name);
      TRY_LET(std::string pem, read_secret_file(path));
      TRY_LET(const Key key, read_key(path, pem));
      TRY_LET(std::string open_half, public_pem(key));
      const std::string id = name.substr(0, name.size() - key_file_end.size());
      signers.push_back({.id = id, .pem = std::move(pem)});
      checkers.push_back({.id = id, .algorithm = "ES256", .pem = std::move(open_half)});
    }
    if (signers.empty()) return fail(Code::not_found, "there is no key in " + keys_folder);
  }
  return std::make_unique<JwtTokens>(std::move(signers), std::move(checkers));
}

Result<std::string> make_token_key(const std::string& keys_folder, Time now) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return fail(Code::unavailable, "OpenSSL cannot make a key");
  TRY_LET(const std::string pem, private_pem(key));
  const std::string name = "token-" + std::to_string(to_us(now)) + std::string(key_file_end);
  TRY(write_secret_file(keys_folder, name, pem));
  return join_path(keys_folder, name);
}

}  // namespace waybill::serve
