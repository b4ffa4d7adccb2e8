#include "serve/gate.h"

#include <sodium.h>

#include <algorithm>
#include <list>
#include <unordered_map>

#include "base/check.h"
#include "serve/credentials.h"
#include "serve/problem.h"
#include "serve/websocket.h"

namespace waybill::serve {
namespace {

constexpr std::string_view bearer = "Bearer ";
constexpr std::string_view basic = "Basic ";
constexpr size_t link_secret_bytes = 22;  // 128 bits in base64url

struct Credential {
  std::string text;
  bool from_cookie = false;
};

bool is_link(std::string_view text) {
  return text.size() == link_secret_bytes && text.find('.') == std::string_view::npos;
}

bool begins_with(std::string_view text, std::string_view scheme) {
  if (text.size() < scheme.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(text.substr(0, scheme.size()), scheme, {}, lower, lower);
}

// What stands behind the first colon of name:password.
std::string password_of(std::string_view encoded) {
  std::string decoded(encoded.size(), '\0');
  size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(decoded.data()), decoded.size(), encoded.data(),
                        encoded.size(), nullptr, &length, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return {};
  decoded.resize(length);
  const size_t colon = decoded.find(':');
  return colon == std::string::npos ? std::string() : decoded.substr(colon + 1);
}

std::string cookie_of(std::string_view cookies) {
  while (!cookies.empty()) {
    std::string_view pair = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(cookies.size(), pair.size() + 1));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(session_cookie) && pair.substr(session_cookie.size()).starts_with('='))
      return std::string(pair.substr(session_cookie.size() + 1));
  }
  return {};
}

Credential credential_of(const Request& request) {
  const std::string_view authorization = request.header("Authorization");
  if (begins_with(authorization, bearer)) return {std::string(authorization.substr(bearer.size())), false};
  if (begins_with(authorization, basic)) return {password_of(authorization.substr(basic.size())), false};
  if (request.query.find("token=") != std::string_view::npos)
    if (auto token = request.query_value("token")) return {std::move(*token), false};
  if (request.query.find("link=") != std::string_view::npos)
    if (auto link = request.query_value("link")) return {std::move(*link), false};
  if (std::string cookie = cookie_of(request.header("Cookie")); !cookie.empty()) return {std::move(cookie), true};
  return {};
}

// Of another page's request a browser does not let the page read the answer; of a WebSocket it does. Phones write by GET, too.
bool harmless(const Route& route, const Request& request) {
  return (request.method == Method::get || request.method == Method::head) && route.act != Act::write &&
         !asks_for_websocket(request);
}

// A browser says where a request came from; a cookie alone proves nothing, since it goes with requests of other pages too.
bool from_our_own_page(const Request& request) {
  const std::string_view site = request.header("Sec-Fetch-Site");
  if (!site.empty()) return site == "same-origin" || site == "none";
  const std::string_view origin = request.header("Origin");
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == request.header("Host");
}

class Gate final : public Door {
 public:
  Gate(const Tokens* tokens, const store::Store& store, Audit& audit, Clock& clock, Metrics& metrics,
       GateOptions options)
      : tokens_(tokens),
        store_(store),
        audit_(audit),
        clock_(clock),
        options_(std::move(options)),
        limited_(metrics.counter("waybill_http_limited_total", "requests beyond a rate limit")),
        by_address_(options_.address_per_second, options_.address_per_second * options_.burst_seconds),
        by_token_(options_.token_per_second, options_.token_per_second * options_.burst_seconds),
        bad_(1, bad_burst) {}

  std::optional<Reply> admit(const Route& route, Request& request) override {
    request.address = client_of(request);
    if (const auto wait = by_address_.take(request.address, clock_.steady()); wait.count() > 0)
      return too_many(route, request, wait, "requests of this address");
    if (!tokens_) return open_to(route, request);

    const Credential credential = credential_of(request);
    if (credential.text.empty())
      return route.act == Act::greet ? std::nullopt : std::optional(unknown(route, request, "no credential"));
    if (const auto wait = bad_.look(request.address, clock_.steady()); wait.count() > 0)
      return too_many(route, request, wait, "bad credentials of this address");
    auto known = know(credential.text);
    if (!known) {
      if (known.error().code != Code::denied) return reply_of(known.error());
      if (route.act == Act::greet) return std::nullopt;  // an old cookie must not keep anybody from logging in
      bad_.take(request.address, clock_.steady());
      return unknown(route, request, known.error().message);
    }
    request.who = std::move(*known);
    if (credential.from_cookie && !harmless(route, request) && !from_our_own_page(request) &&
        !named_for_websocket(request))
      return forbidden(route, request, "a session's cookie is taken from pages of this server only", "Origin",
                       "this server's own");
    if (!may(request.who->role, route.act))
      return forbidden(route, request, "a " + std::string(to_string(request.who->role)) + " may not do this",
                       "Authorization", "a credential of a role that may");
    const bool limited = request.who->role == Role::deliverer || request.who->role == Role::customer;
    if (limited)
      if (const auto wait = by_token_.take(request.who->credential + request.who->subject, clock_.steady());
          wait.count() > 0)
        return too_many(route, request, wait, "requests with this token");
    return std::nullopt;
  }

  Reply preflight(const Request& request, std::string_view allow) override {
    Reply reply{.status = 204, .body = {}};
    reply.headers.emplace_back("Allow", std::string(allow) + ", OPTIONS");
    if (!request.header("Access-Control-Request-Method").empty() && welcome(request.header("Origin"))) {
      reply.headers.emplace_back("Access-Control-Allow-Methods", allow);
      reply.headers.emplace_back(
          "Access-Control-Allow-Headers",
          "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match, Last-Event-ID");
      reply.headers.emplace_back("Access-Control-Max-Age", "600");
    }
    return reply;
  }

  void dress(const Request& request, Reply& reply) override {
    reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
    if (options_.secure) reply.headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
    if (options_.cors_origins.empty()) return;
    reply.headers.emplace_back("Vary", "Origin");
    const std::string_view origin = request.header("Origin");
    if (!welcome(origin)) return;
    reply.headers.emplace_back("Access-Control-Allow-Origin", origin);
    reply.headers.emplace_back("Access-Control-Expose-Headers", "ETag, Link, Retry-After");
  }

  // Where the store cannot tell, it holds.
  std::function<bool()> pass(const Request& request) override {
    if (!request.who) return [] { return true; };
    return [this, text = tokens_ ? credential_of(request).text : *request.query_value("link")] {
      const auto known = know(text);
      return known || known.error().code != Code::denied;
    };
  }

 private:
  using Who = std::shared_ptr<const Principal>;  // shared: a request in the pool may outlive what is remembered
  struct Known {
    std::string text;
    Who who;
    std::optional<Time> until;  // its own end
    Grant::Kind kind = Grant::Kind::token;
    std::chrono::steady_clock::time_point asked;  // whether it was taken back
  };
  struct AllKnown {
    std::list<Known> by_use;  // the latest first
    std::unordered_map<std::string_view, std::list<Known>::iterator> by_text;
  };

  bool welcome(std::string_view origin) const {
    return !origin.empty() && std::ranges::any_of(options_.cors_origins, [&](const std::string& allowed) {
      return allowed == "*" || allowed == origin;
    });
  }

  // A page that is named may watch with the cookie; "*" names nobody.
  bool named_for_websocket(const Request& request) const {
    return asks_for_websocket(request) &&
           std::ranges::find(options_.cors_origins, request.header("Origin")) != options_.cors_origins.end();
  }

  // Behind a proxy that we trust, the last address that it wrote down.
  std::string_view client_of(const Request& request) const {
    if (options_.trusted_proxies.empty() ||
        std::ranges::find(options_.trusted_proxies, request.address) == options_.trusted_proxies.end())
      return request.address;
    std::string_view forwarded = request.header("X-Forwarded-For");
    forwarded = forwarded.substr(forwarded.find_last_of(", ") + 1);  // npos + 1 is 0: all of it
    return forwarded.empty() ? request.address : forwarded;
  }

  // Who bears this credential. Asked of the keys once, and of the store again from time to time.
  Result<Who> know(const std::string& text) {
    const auto now = clock_.steady();
    std::optional<Known> known = known_.with([&](AllKnown& all) -> std::optional<Known> {
      const auto found = all.by_text.find(text);
      if (found == all.by_text.end()) return std::nullopt;
      all.by_use.splice(all.by_use.begin(), all.by_use, found->second);
      return *found->second;
    });
    if (!known) {
      TRY_LET(known, is_link(text) ? learn_link(text) : learn_token(text));
    } else if (now - known->asked >= known_ms_max) {
      // Where the store cannot tell, who was let in stays in: it also shows nothing that takes a credential back.
      if (const auto still = still_given(*known); !still && !cannot_tell(still.error()))
        return std::unexpected(still.error());
    } else if (known->until && clock_.now() >= *known->until) {
      return fail(Code::denied, "the credential has expired");
    } else {
      return known->who;
    }
    known->asked = now;
    Who who = known->who;
    remember(std::move(*known));
    return who;
  }

  void remember(Known known) {
    known_.with([&](AllKnown& all) {
      if (const auto found = all.by_text.find(known.text); found != all.by_text.end()) {
        found->second->asked = known.asked;
        return;
      }
      if (all.by_use.size() >= known_max) {
        all.by_text.erase(all.by_use.back().text);
        all.by_use.pop_back();
      }
      all.by_use.push_front(std::move(known));
      all.by_text.emplace(all.by_use.front().text, all.by_use.begin());
    });
  }

  Result<std::optional<Known>> learn_token(const std::string& text) {
    TRY_LET(const Claims claims, tokens_->check(text, clock_.now()));
    Known known{.text = text, .who = {}, .until = claims.expires_at, .asked = {}};
    if (known.until) *known.until += token_clock_skew_max;
    known.who = std::make_shared<const Principal>(
        Principal{.role = claims.role, .subject = claims.subject, .credential = claims.id});
    TRY(still_given(known));
    return known;
  }

  Result<std::optional<Known>> learn_link(const std::string& text) {
    const std::string id = link_id(text);
    TRY_LET(const std::optional<Access> access, store_.access(Grant::Kind::link, id));
    if (!access) return fail(Code::denied, "the link is not known");
    Known known{.text = text, .who = {}, .until = access->given.expires_at, .kind = Grant::Kind::link, .asked = {}};
    known.who = std::make_shared<const Principal>(
        Principal{.role = Role::customer, .subject = access->given.subject, .credential = id});
    TRY(still_given(known));
    return known;
  }

  static bool cannot_tell(const Error& error) {
    return error.code == Code::unavailable || error.code == Code::overloaded;
  }

  // A token that we never heard of may be another issuer's, or made beside us with our key: it holds until it is taken back.
  Result<void> still_given(const Known& known) {
    if (known.until && clock_.now() >= *known.until) return fail(Code::denied, "the credential has expired");
    if (known.who->credential.empty()) return {};
    TRY(given(known.kind, known.who->credential));
    const std::optional<Origin> origin = origin_of(known.who->credential);
    if (!origin || origin->id.empty()) return {};
    TRY_LET(const std::optional<Access> opened_with, given(origin->kind, origin->id));
    const bool same_password = opened_with && opened_with->given.at == origin->given_at;
    if (origin->kind == Grant::Kind::password && !same_password)
      return fail(Code::denied, "the session's password is no longer that of its login");
    return {};
  }

  Result<std::optional<Access>> given(Grant::Kind kind, const std::string& id) {
    TRY_LET(std::optional<Access> access, store_.access(kind, id));
    if (access && !access->holds_at(clock_.now()))
      return fail(Code::denied, "the credential was taken back or has expired");
    return access;
  }

  // Without keys the address is what protects us: who asks is on this machine. A page of elsewhere in a browser here is not:
  // neither by a request that it sends across, nor under a name of its own that it lets lead to us (DNS rebinding).
  std::optional<Reply> open_to(const Route& route, Request& request) {
    if (!from_here(request.header("Host")) && options_.trusted_proxies.empty())
      return forbidden(route, request, "without keys only this machine's own names are answered, not that Host", "Host",
                       "localhost or a loopback address");
    const std::string_view origin = request.header("Origin");
    const size_t scheme = origin.find("://");
    const bool own = scheme != std::string_view::npos && origin.substr(scheme + 3) == request.header("Host");
    const bool foreign = !origin.empty() && !own && !welcome(origin);
    if (foreign || request.header("Sec-Fetch-Site") == "cross-site")
      if (!welcome(origin) && !harmless(route, request))
        return forbidden(route, request, "without keys a page of another origin may neither write nor watch", "Origin",
                         "this server's own");
    return open_to_customer(route, request);
  }

  // Who comes with a customer's link sees what the customer sees, also where everybody else may see all.
  std::optional<Reply> open_to_customer(const Route& route, Request& request) {
    if (route.act == Act::greet || request.query.find("link=") == std::string_view::npos) return std::nullopt;
    const std::optional<std::string> link = request.query_value("link");
    if (!link) return std::nullopt;
    auto known = is_link(*link) ? know(*link) : Result<Who>(fail(Code::denied, "the link is not known"));
    if (!known)
      return known.error().code == Code::denied ? unknown(route, request, known.error().message)
                                                : reply_of(known.error());
    request.who = std::move(*known);
    if (may(request.who->role, route.act)) return std::nullopt;
    return forbidden(route, request, "a customer may not do this", "link", "none");
  }

  static bool from_here(std::string_view host) {
    if (host.starts_with('[')) return host.starts_with("[::1]");
    host = host.substr(0, host.rfind(':'));
    return host.empty() || host == "localhost" ||
           (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
  }

  void tell(const Route& route, const Request& request, int status, std::string_view why) {
    audit_.denied({.address = std::string(request.address),
                   .who = request.who ? request.who->name() : std::string(),
                   .what = std::string(to_string(route.method)) + " " + route.pattern,
                   .status = status,
                   .why = std::string(why)});
  }

  Reply unknown(const Route& route, const Request& request, const std::string& why) {
    tell(route, request, 401, why);
    Reply reply =
        reply_of(Problem{.status = 401, .detail = why, .field = "Authorization", .expected = "Bearer and a token"});
    reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"waybill\", Basic realm=\"waybill\"");
    return reply;
  }

  Reply forbidden(const Route& route, const Request& request, const std::string& why, std::string field,
                  std::string expected) {
    tell(route, request, 403, why);
    return reply_of(Problem{.status = 403, .detail = why, .field = std::move(field), .expected = std::move(expected)});
  }

  Reply too_many(const Route& route, const Request& request, std::chrono::milliseconds wait,
                 const std::string& of_what) {
    limited_.add();
    tell(route, request, 429, "too many " + of_what);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    Reply reply = reply_of(Problem{.status = 429,
                                   .detail = "too many " + of_what,
                                   .field = "request",
                                   .expected = "the next one in " + std::to_string(seconds) + " s"});
    for (auto& [name, value] : reply.headers)
      if (name == "Retry-After") value = std::to_string(seconds);
    return reply;
  }

  const Tokens* const tokens_;
  const store::Store& store_;
  Audit& audit_;
  Clock& clock_;
  const GateOptions options_;
  Counter& limited_;
  Limiter by_address_;
  Limiter by_token_;
  Limiter bad_;
  Guarded<AllKnown> known_;
};

}  // namespace

std::unique_ptr<Door> make_gate(const Tokens* tokens, const store::Store& store, Audit& audit, Clock& clock,
                                Metrics& metrics, GateOptions options) {
  return std::make_unique<Gate>(tokens, store, audit, clock, metrics, std::move(options));
}

std::string link_id(std::string_view secret) {
  constexpr size_t bytes = 16;
  std::array<unsigned char, bytes> hash{};
  const int made = crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(secret.data()),
                                      secret.size(), nullptr, 0);
  CHECK(made == 0, "a hash of 16 bytes is one that libsodium makes");
  std::array<char, 2 * bytes + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return hex.data();
}

}  // namespace waybill::serve
