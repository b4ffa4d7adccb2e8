#include <algorithm>

#include "serve/api.h"
#include "serve/asked_for.h"
#include "serve/credentials.h"
#include "serve/custody.h"
#include "serve/gate.h"
#include "serve/parameters.h"
#include "serve/problem.h"
#include "wire/access_in.h"
#include "wire/json_in.h"
#include "wire/json_out.h"

namespace waybill::serve {
namespace {

std::optional<Reply> out_of_range(std::string_view field, std::optional<int64_t> value, int64_t most) {
  if (!value || (*value >= 1 && *value <= most)) return std::nullopt;
  return refused(
      wire::ItemFailure{.field = std::string(field), .reason = "expected 1 to " + std::to_string(most), .raw = {}});
}

class AccessDesk {
 public:
  explicit AccessDesk(const ApiParts& parts) : parts_(parts) {}

  Reply issue(const Request& request) {
    if (!parts_.tokens) return no_keys();
    const auto input = wire::read_access_input(request.body);
    if (!input) return refused(input.error());
    if (!input->role) return refused(wire::ItemFailure{.field = "role", .reason = "is required", .raw = {}});
    if (auto bad = out_of_range("days", input->days, token_days_max)) return *bad;
    const Time now = parts_.clock.now();
    TokenWish wish{.role = *input->role, .subject = input->subject, .expires_at = {}, .note = input->note};
    if (input->days) wish.expires_at = now + std::chrono::days(*input->days);
    const auto issued = issue_token(*parts_.tokens, wish, asked_by(request), now);
    if (!issued) return refused(issued.error());
    wire::JsonWriter json;
    json.begin_object().key("token").text(issued->secret);
    write_grant(json, issued->grant);
    json.end_object();
    return keep(request, issued->grant, "issue a token", 201, json.take());
  }

  Reply list(const Request& request) const {
    const Parameters parameters(request);
    store::AccessQuery query;
    query.kind = parameters.choice<std::optional<Grant::Kind>>(
        "kind", {{"token", Grant::Kind::token}, {"link", Grant::Kind::link}, {"password", Grant::Kind::password}}, {});
    query.limit = parameters.count("limit", query.limit, store::accesses_limit_max);
    query.cursor = request.query_value("cursor").value_or("");
    if (parameters.bad()) return *parameters.bad();
    const auto page = parts_.store.accesses(query);
    if (!page && page.error().code == Code::invalid)
      return bad_parameter("cursor", "the next_cursor of the page before");
    if (!page) return reply_of(page.error());
    wire::JsonWriter json;
    json.begin_object().key("credentials").begin_array();
    for (const Access& access : page->accesses) {
      json.begin_object();
      write_grant(json, access.given);
      json.key("revoked_at");
      if (access.revoked_at)
        json.time(*access.revoked_at).key("revoked_by").text(access.revoked_by);
      else
        json.null();
      json.end_object();
    }
    json.end_array().key("next_cursor");
    if (page->next_cursor.empty())
      json.null();
    else
      json.text(page->next_cursor);
    json.end_object();
    return {.status = 200, .body = json.take()};
  }

  Reply revoke_token(const Request& request) {
    return revoke(request, Grant::Kind::token, request.params.at(0), "revoke a token");
  }
  Reply revoke_password(const Request& request) {
    return revoke(request, Grant::Kind::password, request.params.at(0), "remove a user");
  }
  // By the link's secret or by its id.
  Reply revoke_link(const Request& request) {
    const std::string id = link_id(request.params.at(0));
    const auto known = parts_.store.access(Grant::Kind::link, id);
    if (!known) return reply_of(known.error());
    return revoke(request, Grant::Kind::link, *known ? id : request.params.at(0), "take a link back");
  }

  Reply link(const Request& request) {
    const auto id = asked_id(request);
    if (!id) return id.error();
    const auto input = wire::read_access_input(request.body);
    if (!input) return refused(input.error());
    if (auto bad = out_of_range("hours", input->hours, link_hours_max)) return *bad;
    const auto order = parts_.store.order(OrderId(*id));
    if (!order) return reply_of(order.error());
    if (!*order) return unknown("order", *id);
    const Time now = parts_.clock.now();
    const auto made = make_link((*order)->order.id, now + std::chrono::hours(input->hours.value_or(link_hours_usual)),
                                asked_by(request), now);
    if (!made) return refused(made.error());
    wire::JsonWriter json;
    json.begin_object().key("link").text(made->secret).key("order_id").id((*order)->order.id);
    json.key("read").text("/v1/orders/" + percent_encoded(*id) + "?link=" + made->secret);
    json.key("page").text("/t/" + made->secret);
    write_grant(json, made->grant);
    json.end_object();
    return keep(request, made->grant, "make a link", 201, json.take());
  }

  Reply set_user(const Request& request) {
    const auto input = wire::read_access_input(request.body);
    if (!input) return refused(input.error());
    if (!input->role) return refused(wire::ItemFailure{.field = "role", .reason = "is required", .raw = {}});
    const auto grant =
        set_password(request.params.at(0), *input->role, input->password, asked_by(request), parts_.clock.now());
    if (!grant) return refused(grant.error());
    wire::JsonWriter json;
    json.begin_object();
    write_grant(json, *grant);
    json.end_object();
    return keep(request, *grant, "set a password", 200, json.take());
  }

  Reply log_in(const Request& request) {
    if (!parts_.tokens) return no_keys();
    const auto input = wire::read_access_input(request.body);
    if (!input) return refused(input.error());
    const Time now = parts_.clock.now();
    Principal who;
    Origin origin;
    if (!input->name.empty()) {
      const auto access = parts_.store.access(Grant::Kind::password, input->name);
      if (!access) return reply_of(access.error());
      // A name that is not known takes as long as one that is.
      static const Access nobody{.given = *set_password("nobody", Role::op, random_secret(), asked_by({}), now),
                                 .revoked_at = {},
                                 .revoked_by = {}};
      const bool known = *access && (*access)->holds_at(now);
      if (!password_holds(known ? **access : nobody, input->password) || !known)
        return not_logged_in(request, input->name);
      who = {.role = (*access)->given.role, .subject = input->name, .credential = {}};
      origin = {.kind = Grant::Kind::password, .id = input->name, .given_at = (*access)->given.at};
    } else if (request.who) {
      who = *request.who;
      origin = {.kind = Grant::Kind::token, .id = who.credential};
      if (who.role == Role::customer || origin_of(who.credential)) return not_logged_in(request, who.name());
    } else {
      return not_logged_in(request, "");
    }
    const auto session = open_session(*parts_.tokens, who, origin, now);
    if (!session) return refused(session.error());
    Reply reply{.status = 200, .body = who_json(who)};
    reply.headers.emplace_back("Set-Cookie", cookie(*session, session_hours_max * 3600));
    return reply;
  }

  Reply who_is_it(const Request& request) const { return {.status = 200, .body = who_json(asked_by(request))}; }

  Reply log_out(const Request& request) {
    const Principal& who = asked_by(request);
    Reply reply{.status = 200, .body = R"({"status":"OK"})"};
    if (origin_of(who.credential)) {
      const Grant grant = take_back(Grant::Kind::token, who.credential, who, parts_.clock.now());
      reply = keep(request, grant, "log out", 200, std::move(reply.body));
    }
    reply.headers.emplace_back("Set-Cookie", cookie("", 0));
    return reply;
  }

 private:
  static Reply no_keys() {
    return reply_of(
        Problem{.status = 409, .detail = "there are no keys, so nobody is told apart: waybill token key makes one"});
  }

  Reply not_logged_in(const Request& request, const std::string& name) const {
    parts_.audit.denied({.address = std::string(request.address),
                         .who = name,
                         .what = "log in",
                         .status = 401,
                         .why = "name or password does not hold"});
    return reply_of(
        Problem{.status = 401, .detail = "this does not log in: a name with its password, or a token that holds"});
  }

  std::string cookie(std::string_view value, int seconds) const {
    std::string text(session_cookie);
    text.append("=")
        .append(value)
        .append("; Path=/; HttpOnly; SameSite=Strict; Max-Age=")
        .append(std::to_string(seconds));
    if (parts_.options.secure_cookies) text += "; Secure";
    return text;
  }

  static std::string who_json(const Principal& who) {
    wire::JsonWriter json;
    json.begin_object().key("role").text(to_string(who.role)).key("subject").text(who.subject).end_object();
    return json.take();
  }

  static void write_grant(wire::JsonWriter& json, const Grant& grant) {
    json.key("kind").text(to_string(grant.kind)).key("id").text(grant.id).key("role").text(to_string(grant.role));
    json.key("subject").text(grant.subject).key("given_at").time(grant.at).key("given_by").text(grant.by);
    json.key("expires_at");
    if (grant.expires_at)
      json.time(*grant.expires_at);
    else
      json.null();
    if (!grant.note.empty()) json.key("note").text(grant.note);
  }

  Reply revoke(const Request& request, Grant::Kind kind, const std::string& id, std::string_view what) {
    if (auto fits = wire::checked_id(id); !fits)
      return reply_of(Problem{.status = 400, .detail = fits.error().message, .field = "id"});
    if (kind != Grant::Kind::token) {  // a token may be of another issuer: it can be revoked unseen
      const auto known = parts_.store.access(kind, id);
      if (!known) return reply_of(known.error());
      if (!*known)
        return reply_of(Problem{.status = 404, .detail = std::string(to_string(kind)) + " " + id + " is not known"});
    }
    return keep(request, take_back(kind, id, asked_by(request), parts_.clock.now()), what, 200, R"({"status":"OK"})");
  }

  Reply keep(const Request& request, const Grant& grant, std::string_view what, int status, std::string body) {
    if (auto not_kept = keep_record(parts_, grant)) return std::move(*not_kept);
    parts_.audit.acted(asked_by(request), request.address, what, grant.id);
    Reply reply{.status = status, .body = std::move(body)};
    reply.headers.emplace_back("Cache-Control", "no-store");
    return reply;
  }

  const ApiParts parts_;
};

}  // namespace

std::vector<Route> access_routes(const ApiParts& parts) {
  const auto desk = std::make_shared<AccessDesk>(parts);  // shared by the handlers of these routes
  std::vector<Route> routes;
  const auto add = [&](Method method, Act act, std::string pattern, Where where, Needs needs, auto handler) {
    routes.push_back({.method = method,
                      .act = act,
                      .pattern = std::move(pattern),
                      .handler = [desk, handler](const Request& request) { return ((*desk).*handler)(request); },
                      .needs = needs,
                      .where = where});
  };
  add(Method::post, Act::administer, "/v1/tokens", Where::pool, Needs::nothing, &AccessDesk::issue);
  add(Method::get, Act::administer, "/v1/tokens", Where::pool, Needs::visible, &AccessDesk::list);
  add(Method::remove, Act::administer, "/v1/tokens/{id}", Where::pool, Needs::nothing, &AccessDesk::revoke_token);
  add(Method::put, Act::administer, "/v1/users/{name}", Where::pool, Needs::nothing, &AccessDesk::set_user);
  add(Method::remove, Act::administer, "/v1/users/{name}", Where::pool, Needs::visible, &AccessDesk::revoke_password);
  add(Method::post, Act::share, "/v1/orders/{id}/links", Where::pool, Needs::visible, &AccessDesk::link);
  add(Method::remove, Act::share, "/v1/links/{link}", Where::pool, Needs::visible, &AccessDesk::revoke_link);
  add(Method::post, Act::greet, "/v1/session", Where::pool, Needs::visible, &AccessDesk::log_in);
  add(Method::get, Act::identify, "/v1/session", Where::loop, Needs::nothing, &AccessDesk::who_is_it);
  add(Method::remove, Act::identify, "/v1/session", Where::pool, Needs::nothing, &AccessDesk::log_out);
  return routes;
}

}  // namespace waybill::serve
