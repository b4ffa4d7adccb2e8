#include <array>

#include "serve/api.h"
#include "serve/asked_for.h"
#include "serve/custody.h"
#include "serve/erasures.h"
#include "serve/problem.h"
#include "wire/object_in.h"

namespace waybill::serve {
namespace {

constexpr std::array<std::string_view, 2> names = {"deliverer_id", "order_id"};

struct Asked {
  std::optional<DelivererId> deliverer;
  std::optional<OrderId> order;
};

Reply refused(const wire::ItemFailure& failure) {
  return reply_of(Problem{.status = failure.missing ? 422 : 400,
                          .detail = failure.field + ": " + failure.reason,
                          .field = failure.field,
                          .expected = failure.reason});
}

class ErasureDesk {
 public:
  explicit ErasureDesk(const ApiParts& parts) : parts_(parts), erasures_(*parts.erasures) {}

  Reply add(const Request& request) {
    Asked asked;
    const auto read =
        wire::read_object(request.body, names, [&](size_t which, std::string_view value, wire::FieldReader& fields) {
          return which == 0 ? fields.id(names[which], value, asked.deliverer)
                            : fields.id(names[which], value, asked.order);
        });
    if (!read) return refused(read.error());
    if (asked.deliverer.has_value() == asked.order.has_value())
      return refused({.field = "deliverer_id",
                      .reason = "expected one of deliverer_id and order_id",
                      .raw = {},
                      .missing = !asked.deliverer});
    auto erasure = asked.deliverer ? erasures_.of_name(Erasure::Kind::deliverer, asked.deliverer->text)
                                   : erasures_.of_name(Erasure::Kind::order, asked.order->text);
    if (!erasure) return reply_of(erasure.error());
    // Who is erased already stays so: it is told how that stands.
    const auto known = erasures_.of(*erasure);
    if (!known) return reply_of(known.error());
    if (*known) return {.status = 200, .body = **known};
    erasure->at = parts_.clock.now();
    erasure->by = asked_by(request).name();
    if (auto not_kept = keep_record(parts_, *erasure)) return std::move(*not_kept);
    parts_.audit.acted(asked_by(request), request.address, "erase",
                       std::string(to_string(erasure->kind)) + ' ' + to_hex(erasure->name));
    erasures_.go_on();
    const auto state = erasures_.of(*erasure);
    if (!state) return reply_of(state.error());
    return {.status = 202, .body = state->value_or("{}")};
  }

  Reply show(const Request& request) const {
    const auto state = erasures_.at(request.params.at(0));
    if (!state) return reply_of(state.error());
    if (!*state) return unknown("erasure", request.params.at(0));
    return {.status = 200, .body = **state};
  }

  Reply list(const Request&) const {
    const auto all = erasures_.all();
    if (!all) return reply_of(all.error());
    return {.status = 200, .body = R"({"erasures":)" + *all + '}'};
  }

 private:
  const ApiParts parts_;
  Erasures& erasures_;
};

}  // namespace

std::vector<Route> erasure_routes(const ApiParts& parts) {
  if (!parts.erasures) return {};
  const auto desk = std::make_shared<ErasureDesk>(parts);  // shared by the handlers of these routes
  const auto route = [](Method method, std::string pattern, Needs needs, std::function<Reply(const Request&)> handler) {
    return Route{.method = method,
                 .act = Act::administer,
                 .pattern = std::move(pattern),
                 .handler = std::move(handler),
                 .needs = needs,
                 .where = Where::pool};
  };
  return {
      route(Method::post, "/v1/erasures", Needs::visible, [desk](const Request& asked) { return desk->add(asked); }),
      route(Method::get, "/v1/erasures", Needs::visible, [desk](const Request& asked) { return desk->list(asked); }),
      route(Method::get, "/v1/erasures/{id}", Needs::visible,
            [desk](const Request& asked) { return desk->show(asked); })};
}

}  // namespace waybill::serve
