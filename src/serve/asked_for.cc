#include "serve/asked_for.h"

#include "serve/problem.h"
#include "wire/json_in.h"

namespace waybill::serve {

bool of_customer(const Request& request) { return request.who && request.who->role == Role::customer; }

std::expected<std::string, Reply> asked_id(const Request& request) {
  Result<std::string> id = wire::checked_id(request.params.at(0));
  if (!id)
    return std::unexpected(
        reply_of(Problem{.status = 400, .detail = id.error().message, .field = "id", .expected = id.error().message}));
  return std::move(*id);
}

std::expected<OrderId, Reply> asked_order(const Request& request, Audit& audit, std::string_view what) {
  auto id = asked_id(request);
  if (!id) return std::unexpected(std::move(id.error()));
  if (of_customer(request) && *id != request.who->subject) {
    audit.denied({.address = std::string(request.address),
                  .who = request.who->name(),
                  .what = std::string(what),
                  .status = 403,
                  .why = "order " + *id});
    return std::unexpected(reply_of(Problem{.status = 403, .detail = "this credential is for another order"}));
  }
  return OrderId(std::move(*id));
}

Reply unknown(std::string_view what, std::string_view id) {
  return reply_of(Problem{.status = 404,
                          .detail = std::string(what) + " " + std::string(id) + " is not known",
                          .field = "id",
                          .expected = "the id of a known " + std::string(what)});
}

}  // namespace waybill::serve
