// serve/asked_for.h — what a request's path asks for: its id, or the reply that refuses, the same at every route.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "domain/order.h"
#include "serve/audit.h"
#include "serve/http.h"

namespace waybill::serve {

// {id} of the path; 400 where no id can be so.
std::expected<std::string, Reply> asked_id(const Request& request);

// The order that {id} names. To a customer there is one order only: 403 for another, and the audit has it as what it wanted,
// "read another order".
std::expected<OrderId, Reply> asked_order(const Request& request, Audit& audit, std::string_view what);

Reply unknown(std::string_view what, std::string_view id);  // 404

bool of_customer(const Request& request);

}  // namespace waybill::serve
