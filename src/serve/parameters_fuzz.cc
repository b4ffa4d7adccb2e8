// Any bytes as a target: the router finds a route or none, and each kind of parameter is read or refused with its name.
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "serve/parameters.h"
#include "serve/router.h"
#include "wire/json_in.h"
#include "wire/json_text.h"

namespace {

using namespace waybill;
using namespace waybill::serve;

const Router& router() {
  static const Router one({{.method = Method::get, .pattern = "/v1/orders", .handler = {}},
                           {.method = Method::get, .pattern = "/v1/orders/{id}", .handler = {}},
                           {.method = Method::get, .pattern = "/v1/orders/{id}/track", .handler = {}}});
  return one;
}

void check_refusal(const Parameters& parameters, wire::JsonChecker& checker) {
  if (!parameters.bad()) return;
  CHECK(parameters.bad()->status == 400, "a bad parameter is a 400");
  CHECK(checker.check(parameters.bad()->body), "told as JSON");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view target(reinterpret_cast<const char*>(data), size);
  const size_t question = std::min(target.find('?'), target.size());
  Request request;
  request.path = target.substr(0, question);
  request.query = question < target.size() ? target.substr(question + 1) : std::string_view();
  router().find(Method::get, request.path, request.query, request.params);
  for (const std::string& param : request.params) {
    const auto id = wire::checked_id(param);
    CHECK(!id || (wire::is_utf8(*id) && id->find('\0') == std::string::npos), "an id is clean");
    CHECK(percent_decoded(percent_encoded(param), Plus::kept) == param, "what was encoded comes back");
  }
  const Parameters parameters(request);
  if (const auto box = parameters.box("bbox"))
    CHECK(std::isfinite(box->min_longitude) && std::isfinite(box->max_latitude), "a box has numbers");
  if (const auto time = parameters.time("from", std::chrono::hours(1)))
    CHECK(time->time_since_epoch().count() > -1'000'000'000'000'000, "a time can be written");
  parameters.order_state("state");
  const size_t limit = parameters.count("limit", 7, 1000);
  CHECK(limit >= 1 && limit <= 1000, "a limit is within its bounds");
  parameters.choice<int>("format", {{"json", 1}, {"csv", 2}}, 1);
  static wire::JsonChecker checker;
  check_refusal(parameters, checker);
  return 0;
}
