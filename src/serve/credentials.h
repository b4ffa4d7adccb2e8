// serve/credentials.h — makes tokens, links, passwords and sessions: the grant that is kept, and the secret that is given out.
//
// A session is a token of session_hours_max that names the credential it was opened with, and ends when that one does.
// Threads: all functions from any thread.
// Failure: invalid names the field and what was expected there.
#pragma once

#include <string>
#include <string_view>

#include "serve/tokens.h"

namespace waybill::serve {

inline constexpr int session_hours_max = 12;
inline constexpr int token_days_max = 3650;
inline constexpr int link_hours_usual = 7 * 24;
inline constexpr int link_hours_max = 366 * 24;
inline constexpr size_t password_bytes_min = 10;
inline constexpr size_t password_bytes_max = 256;
inline constexpr size_t note_bytes_max = 200;

struct Issued {
  Grant grant;
  std::string secret;  // told once, kept nowhere
};

struct TokenWish {
  Role role = Role::deliverer;
  std::string subject;
  std::optional<Time> expires_at;
  std::string note;
};
Result<Issued> issue_token(const Tokens& tokens, const TokenWish& wish, const Principal& by, Time now);
Result<Issued> make_link(const OrderId& order, Time expires_at, const Principal& by, Time now);
// The role is operator or admin; the subject is the name.
Result<Grant> set_password(const std::string& name, Role role, const std::string& password, const Principal& by,
                           Time now);
bool password_holds(const Access& access, const std::string& password);
Grant take_back(Grant::Kind kind, const std::string& id, const Principal& by, Time now);

// Where a session comes from: a token's id, or a person's name and when the password was set.
struct Origin {
  Grant::Kind kind = Grant::Kind::token;
  std::string id;
  Time given_at{};  // of a password only

  bool operator==(const Origin&) const = default;
};
Result<std::string> open_session(const Tokens& tokens, const Principal& who, const Origin& origin, Time now);
// Of a session's id; nothing where it is not a session's.
std::optional<Origin> origin_of(std::string_view credential);

std::string random_secret();  // 128 bits in base64url

}  // namespace waybill::serve
