#include "serve/credentials.h"

#include <sodium.h>

#include <array>
#include <charconv>

#include "serve/gate.h"
#include "wire/json_in.h"

namespace waybill::serve {
namespace {

constexpr std::string_view session_mark = "session.";
constexpr size_t secret_bytes = 16;

Grant grant_of(Grant::Kind kind, std::string id, const Principal& by, Time now) {
  Grant grant{.kind = kind, .id = std::move(id)};
  grant.at = now;
  grant.by = by.name();
  return grant;
}

}  // namespace

std::string random_secret() {
  std::array<unsigned char, secret_bytes> bytes{};
  std::array<char, sodium_base64_ENCODED_LEN(secret_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text{};
  // One that begins with a dash would be a flag on a command line.
  do {
    randombytes_buf(bytes.data(), bytes.size());
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  } while (text[0] == '-');
  return text.data();
}

Result<Issued> issue_token(const Tokens& tokens, const TokenWish& wish, const Principal& by, Time now) {
  const bool bound = wish.role == Role::deliverer || wish.role == Role::customer;
  if (wish.subject.empty() && bound)
    return fail(Code::invalid, "subject: expected whose it is: a deliverer's id, of a customer the order's");
  if (!wish.subject.empty())
    if (auto fits = wire::checked_id(wish.subject); !fits) return fail_in("subject", fits.error());
  if (wish.note.size() > note_bytes_max)
    return fail(Code::invalid, "note: expected at most " + std::to_string(note_bytes_max) + " bytes");
  Issued issued{.grant = grant_of(Grant::Kind::token, random_secret(), by, now), .secret = {}};
  issued.grant.role = wish.role;
  issued.grant.subject = wish.subject;
  issued.grant.expires_at = wish.expires_at;
  issued.grant.note = wish.note;
  TRY_LET(issued.secret,
          tokens.sign(
              {.role = wish.role, .subject = wish.subject, .id = issued.grant.id, .expires_at = wish.expires_at}, now));
  return issued;
}

Result<Issued> make_link(const OrderId& order, Time expires_at, const Principal& by, Time now) {
  Issued issued{.grant = {}, .secret = random_secret()};
  issued.grant = grant_of(Grant::Kind::link, link_id(issued.secret), by, now);
  issued.grant.role = Role::customer;
  issued.grant.subject = order.text;
  issued.grant.expires_at = expires_at;
  return issued;
}

Result<Grant> set_password(const std::string& name, Role role, const std::string& password, const Principal& by,
                           Time now) {
  if (auto fits = wire::checked_id(name); !fits) return fail_in("name", fits.error());
  if (role != Role::op && role != Role::admin) return fail(Code::invalid, "role: expected operator or admin");
  if (password.size() < password_bytes_min || password.size() > password_bytes_max)
    return fail(Code::invalid, "password: expected " + std::to_string(password_bytes_min) + " to " +
                                   std::to_string(password_bytes_max) + " bytes");
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str(hash.data(), password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
    return fail(Code::overloaded, "no memory to hash a password");
  Grant grant = grant_of(Grant::Kind::password, name, by, now);
  grant.role = role;
  grant.subject = name;
  grant.secret = hash.data();
  return grant;
}

bool password_holds(const Access& access, const std::string& password) {
  if (password.size() > password_bytes_max) return false;
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (access.given.secret.size() >= hash.size()) return false;
  access.given.secret.copy(hash.data(), hash.size() - 1);
  return crypto_pwhash_str_verify(hash.data(), password.data(), password.size()) == 0;
}

Grant take_back(Grant::Kind kind, const std::string& id, const Principal& by, Time now) {
  Grant grant = grant_of(kind, id, by, now);
  grant.revoked = true;
  return grant;
}

Result<std::string> open_session(const Tokens& tokens, const Principal& who, const Origin& origin, Time now) {
  std::string id = std::string(session_mark) + random_secret() + '.';
  if (origin.kind == Grant::Kind::password)
    id += 'p' + std::to_string(to_us(origin.given_at)) + '.' + origin.id;
  else
    id += 't' + origin.id;
  return tokens.sign({.role = who.role,
                      .subject = who.subject,
                      .id = std::move(id),
                      .expires_at = now + std::chrono::hours(session_hours_max)},
                     now);
}

std::optional<Origin> origin_of(std::string_view credential) {
  if (!credential.starts_with(session_mark)) return std::nullopt;
  credential.remove_prefix(session_mark.size());
  const size_t dot = credential.find('.');
  if (dot == std::string_view::npos || dot + 1 >= credential.size()) return std::nullopt;
  const char kind = credential[dot + 1];
  credential.remove_prefix(dot + 2);
  if (kind == 't') return Origin{.kind = Grant::Kind::token, .id = std::string(credential)};
  int64_t given_us = 0;
  const auto [end, error] = std::from_chars(credential.data(), credential.data() + credential.size(), given_us);
  if (kind != 'p' || error != std::errc() || end == credential.data() + credential.size() || *end != '.')
    return std::nullopt;
  return Origin{.kind = Grant::Kind::password,
                .id = std::string(end + 1, credential.data() + credential.size()),
                .given_at = at_us(given_us)};
}

}  // namespace waybill::serve
