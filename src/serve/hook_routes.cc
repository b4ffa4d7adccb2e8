#include <algorithm>
#include <charconv>

#include "serve/asked_for.h"
#include "serve/credentials.h"
#include "serve/custody.h"
#include "serve/hooks.h"
#include "serve/parameters.h"
#include "serve/problem.h"
#include "wire/hook_in.h"
#include "wire/json_out.h"

namespace waybill::serve {
namespace {

constexpr size_t deliveries_limit_usual = 100;
constexpr size_t deliveries_limit_max = 1000;
constexpr size_t random_id_bytes = 16;

Reply unseen(int status, std::string body) {
  Reply reply{.status = status, .body = std::move(body)};
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

class HookDesk {
 public:
  explicit HookDesk(const ApiParts& parts) : parts_(parts), webhooks_(*parts.webhooks) {}

  Reply add(const Request& request) {
    const auto input = wire::read_hook_input(request.body);
    if (!input) return refused(input.error());
    if (input->url.empty()) return refused(wire::ItemFailure{.field = "url", .reason = "is required", .raw = {}});
    if (input->note.size() > note_bytes_max)
      return refused(wire::ItemFailure{
          .field = "note", .reason = "expected at most " + std::to_string(note_bytes_max) + " bytes", .raw = {}});
    if (const auto fits = webhooks_.check_url(input->url); !fits) return refused(fits.error());
    const auto hooks = parts_.store.hooks();
    if (!hooks) return reply_of(hooks.error());
    if (hooks->size() >= hooks_max)
      return reply_of(Problem{.status = 409, .detail = "there are " + std::to_string(hooks_max) + " webhooks already"});
    const Hook hook{.id = "wh_" + random_secret().substr(0, random_id_bytes),
                    .url = input->url,
                    .events = input->events.value_or(hook_events_usual),
                    .at = parts_.clock.now(),
                    .by = asked_by(request).name(),
                    .note = input->note};
    const auto secret = webhooks_.secret(hook.id);
    if (!secret) return reply_of(secret.error());
    if (auto not_kept = keep_record(parts_, hook)) return std::move(*not_kept);
    parts_.audit.acted(asked_by(request), request.address, "add a webhook", hook.id);
    wire::JsonWriter json;
    json.begin_object().key("secret").text(*secret);
    write_hook(json, hook);
    json.end_object();
    return unseen(201, json.take());
  }

  Reply list(const Request&) const {
    const auto hooks = parts_.store.hooks();
    if (!hooks) return reply_of(hooks.error());
    wire::JsonWriter json;
    json.begin_object().key("webhooks").begin_array();
    for (const store::HookRow& row : *hooks) {
      json.begin_object();
      write_hook(json, row.hook);
      json.end_object();
    }
    json.end_array().end_object();
    return {.status = 200, .body = json.take()};
  }

  Reply show(const Request& request) const {
    const auto hook = find(request);
    if (!hook) return hook.error();
    wire::JsonWriter json;
    json.begin_object();
    write_hook(json, *hook);
    json.end_object();
    return {.status = 200, .body = json.take()};
  }

  Reply secret(const Request& request) const {
    const auto hook = find(request);
    if (!hook) return hook.error();
    const auto secret = webhooks_.secret(hook->id);
    if (!secret) return reply_of(secret.error());
    parts_.audit.acted(asked_by(request), request.address, "read a webhook's secret", hook->id);
    wire::JsonWriter json;
    json.begin_object().key("secret").text(*secret).end_object();
    return unseen(200, json.take());
  }

  Reply remove(const Request& request) {
    auto hook = find(request);
    if (!hook) return hook.error();
    const Hook removed{.id = hook->id,
                       .removed = true,
                       .url = {},
                       .events = {},
                       .at = parts_.clock.now(),
                       .by = asked_by(request).name(),
                       .note = {}};
    if (auto not_kept = keep_record(parts_, removed)) return std::move(*not_kept);
    return acted(request, "remove a webhook", 200);
  }

  Reply deliveries(const Request& request) const {
    const auto hook = find(request);
    if (!hook) return hook.error();
    const Parameters parameters(request);
    const auto state = parameters.choice<std::string>(
        "state", {{"delivered", "delivered"}, {"failed", "failed"}, {"given_up", "given_up"}}, "");
    const size_t limit = parameters.count("limit", deliveries_limit_usual, deliveries_limit_max);
    if (parameters.bad()) return *parameters.bad();
    uint64_t before = UINT64_MAX;
    if (const auto cursor = request.query_value("cursor"); cursor && !cursor->empty()) {
      const auto [end, error] = std::from_chars(cursor->data(), cursor->data() + cursor->size(), before);
      if (error != std::errc() || end != cursor->data() + cursor->size())
        return bad_parameter("cursor", "the next_cursor of the page before");
    }
    const auto page = webhooks_.deliveries(hook->id, state, limit, before);
    if (!page) return reply_of(page.error());
    wire::JsonWriter json;
    json.begin_object().key("deliveries").begin_array();
    for (const std::string& attempt : page->attempts) json.raw(attempt);
    json.end_array().key("next_cursor");
    if (page->next == 0)
      json.null();
    else
      json.text(std::to_string(page->next));
    json.end_object();
    return {.status = 200, .body = json.take()};
  }

  Reply replay(const Request& request) {
    const auto hook = find(request);
    if (!hook) return hook.error();
    const auto input = wire::read_hook_input(request.body);
    if (!input) return refused(input.error());
    if (const auto begun = webhooks_.replay(hook->id, input->from); !begun) return refused(begun.error());
    return acted(request, "replay a webhook", 202);
  }

  Reply test(const Request& request) {
    const auto hook = find(request);
    if (!hook) return hook.error();
    if (const auto sent = webhooks_.ping(hook->id); !sent) return refused(sent.error());
    return acted(request, "test a webhook", 202);
  }

 private:
  std::expected<Hook, Reply> find(const Request& request) const {
    const std::string& id = request.params.at(0);
    const auto hooks = parts_.store.hooks();
    if (!hooks) return std::unexpected(reply_of(hooks.error()));
    const auto found = std::ranges::find(*hooks, id, [](const store::HookRow& row) { return row.hook.id; });
    if (found == hooks->end()) return std::unexpected(unknown("webhook", id));
    return found->hook;
  }

  Reply acted(const Request& request, std::string_view what, int status) {
    parts_.audit.acted(asked_by(request), request.address, what, request.params.at(0));
    return {.status = status, .body = R"({"status":"OK"})"};
  }

  void write_hook(wire::JsonWriter& json, const Hook& hook) const {
    json.key("id").text(hook.id).key("url").text(hook.url).key("events").begin_array();
    for (uint8_t i = 0; EventKinds::all_bits >> i != 0; ++i)
      if (const auto kind = static_cast<Event::Kind>(i); hook.events.has(kind)) json.text(to_string(kind));
    json.end_array().key("added_at").time(hook.at).key("added_by").text(hook.by);
    if (!hook.note.empty()) json.key("note").text(hook.note);
    const auto standing = webhooks_.standing(hook.id);
    if (!standing) return;
    json.key("state").text(standing->failed ? "failed" : "active").key("why");
    if (standing->why.empty())
      json.null();
    else
      json.text(standing->why);
    json.key("next").text(standing->next).key("waiting").integer(static_cast<int64_t>(standing->waiting));
    json.key("waiting_since");
    if (standing->since)
      json.time(*standing->since);
    else
      json.null();
  }

  const ApiParts parts_;
  Webhooks& webhooks_;
};

}  // namespace

std::vector<Route> hook_routes(const ApiParts& parts) {
  if (!parts.webhooks) return {};
  const auto desk = std::make_shared<HookDesk>(parts);  // shared by the handlers of these routes
  std::vector<Route> routes;
  const auto add = [&](Method method, std::string pattern, auto handler) {
    routes.push_back({.method = method,
                      .act = Act::administer,
                      .pattern = "/v1/webhooks" + std::move(pattern),
                      .handler = [desk, handler](const Request& request) { return ((*desk).*handler)(request); },
                      .needs = Needs::visible,
                      .where = Where::pool});
  };
  add(Method::get, "", &HookDesk::list);
  add(Method::post, "", &HookDesk::add);
  add(Method::get, "/{id}", &HookDesk::show);
  add(Method::remove, "/{id}", &HookDesk::remove);
  add(Method::get, "/{id}/secret", &HookDesk::secret);
  add(Method::get, "/{id}/deliveries", &HookDesk::deliveries);
  add(Method::post, "/{id}/replay", &HookDesk::replay);
  add(Method::post, "/{id}/test", &HookDesk::test);
  return routes;
}

}  // namespace waybill::serve
