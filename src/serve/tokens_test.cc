#include "serve/tokens.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/secret_file.h"

namespace waybill::serve {
namespace {

constexpr Time now = at_us(1'800'000'000'000'000);

// RFC 7515, appendix A.3: an ES256 signature by somebody else's program.
constexpr std::string_view rfc_token =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
constexpr std::string_view rfc_keys =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";

class TokensTest : public testing::Test {
 protected:
  TokensTest() {
    std::string pattern = testing::TempDir() + "waybill-keys-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    folder += "/keys";
  }
  std::unique_ptr<Tokens> opened() const { return std::move(*open_tokens(folder)); }
  Claims claims() const {
    return {.role = Role::deliverer, .subject = "7", .id = "one", .expires_at = now + std::chrono::hours(1)};
  }
  static std::string reason(const Result<Claims>& result) { return result ? "it holds" : result.error().message; }

  std::string folder;
};

TEST_F(TokensTest, what_was_signed_comes_back_until_it_expires) {
  ASSERT_TRUE(make_token_key(folder, now));
  const auto tokens = opened();
  const std::string token = *tokens->sign(claims(), now);
  EXPECT_EQ(*tokens->check(token, now), claims());
  EXPECT_TRUE(tokens->check(token, now + std::chrono::hours(1)));
  const auto late = tokens->check(token, now + std::chrono::hours(1) + token_clock_skew_max);
  EXPECT_EQ(reason(late), "the token has expired");
  EXPECT_EQ(late.error().code, Code::denied);
}

TEST_F(TokensTest, a_token_changed_anywhere_does_not_hold) {
  ASSERT_TRUE(make_token_key(folder, now));
  const auto tokens = opened();
  const std::string token = *tokens->sign(claims(), now);
  const size_t signature = token.rfind('.');
  for (size_t i = 0; i < signature; ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens->check(changed, now)) << i;
  }
  EXPECT_FALSE(tokens->check(token.substr(0, signature), now));
  EXPECT_FALSE(tokens->check(token.substr(0, signature + 1), now));
  EXPECT_FALSE(tokens->check("", now));
  EXPECT_FALSE(tokens->check("..", now));
  EXPECT_FALSE(tokens->check(std::string(token_bytes_max + 1, 'a'), now));
}

TEST_F(TokensTest, the_algorithm_follows_from_the_key_whatever_the_token_says) {
  ASSERT_TRUE(make_token_key(folder, now));
  const auto tokens = opened();
  // {"alg":"none"} and {"alg":"HS256"} over {"iss":"waybill","role":"admin","sub":"x"}.
  const std::string body = ".eyJpc3MiOiJ3YXliaWxsIiwicm9sZSI6ImFkbWluIiwic3ViIjoieCJ9.";
  EXPECT_EQ(reason(tokens->check("eyJhbGciOiJub25lIn0" + body, now)),
            "the token is not signed by a key that is known here");
  EXPECT_EQ(reason(tokens->check("eyJhbGciOiJIUzI1NiJ9" + body + "c2lnbmF0dXJl", now)),
            "the token is not signed by a key that is known here");
}

TEST_F(TokensTest, a_key_of_somebody_else_does_not_count) {
  ASSERT_TRUE(make_token_key(folder, now));
  const auto tokens = opened();
  ASSERT_TRUE(make_token_key(folder + "-other", now));
  const auto others = std::move(*open_tokens(folder + "-other"));
  EXPECT_FALSE(tokens->check(*others->sign(claims(), now), now));
}

TEST_F(TokensTest, an_old_key_still_checks_when_a_new_one_signs) {
  ASSERT_TRUE(make_token_key(folder, now));
  const std::string old = *opened()->sign(claims(), now);
  ASSERT_TRUE(make_token_key(folder, now + std::chrono::seconds(1)));
  const auto tokens = opened();
  EXPECT_TRUE(tokens->check(old, now));
  const std::string next = *tokens->sign(claims(), now);
  EXPECT_NE(old.substr(0, old.find('.')), next.substr(0, next.find('.'))) << "the head names the key";
  EXPECT_TRUE(tokens->check(next, now));
}

TEST_F(TokensTest, another_issuer_counts_by_its_key_set_and_only_with_its_name_audience_and_a_role) {
  const auto tokens = std::move(*open_tokens(""));
  EXPECT_EQ(reason(tokens->check(rfc_token, now)), "the token is of an issuer that is not known here");
  ASSERT_TRUE(
      tokens->take_outside({.issuer = "joe", .audience = {}, .role_claim = "role", .jwks = std::string(rfc_keys)}));
  // Its signature is good, so what is said of it is what stands in it.
  EXPECT_EQ(reason(tokens->check(rfc_token, now)), "the token has expired");
  EXPECT_EQ(reason(tokens->check(rfc_token, at_us(1'300'819'000'000'000))), "the token names no role of waybill");
  ASSERT_TRUE(tokens->take_outside(
      {.issuer = "joe", .audience = "waybill", .role_claim = "role", .jwks = std::string(rfc_keys)}));
  EXPECT_EQ(reason(tokens->check(rfc_token, now)), "the token is for another audience");
}

TEST_F(TokensTest, a_key_set_that_is_none_changes_nothing) {
  const auto tokens = std::move(*open_tokens(""));
  ASSERT_TRUE(
      tokens->take_outside({.issuer = "joe", .audience = {}, .role_claim = "role", .jwks = std::string(rfc_keys)}));
  for (const char* jwks :
       {"", "[]", "{}", R"({"keys":[]})", R"({"keys":[7]})", R"({"keys":[{"kty":"oct","k":"AAAA"}]})",
        R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})",
        R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})"}) {
    const auto taken = tokens->take_outside({.issuer = "joe", .audience = {}, .role_claim = "role", .jwks = jwks});
    EXPECT_FALSE(taken) << jwks;
  }
  EXPECT_EQ(reason(tokens->check(rfc_token, now)), "the token has expired");
}

TEST_F(TokensTest, a_key_that_others_may_read_is_refused_with_what_to_do) {
  const auto path = make_token_key(folder, now);
  ASSERT_TRUE(path);
  ASSERT_EQ(::chmod(path->c_str(), 0640), 0);
  const auto refused = open_tokens(folder);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied);
  EXPECT_NE(refused.error().message.find("chmod 600"), std::string::npos);
}

TEST_F(TokensTest, a_folder_without_a_key_or_with_something_else_is_told) {
  EXPECT_FALSE(has_token_key(folder));
  EXPECT_EQ(open_tokens(folder).error().code, Code::not_found);
  ASSERT_TRUE(write_secret_file(folder, "x.pem", "not a key"));
  EXPECT_EQ(open_tokens(folder).error().code, Code::invalid);
}

}  // namespace
}  // namespace waybill::serve
