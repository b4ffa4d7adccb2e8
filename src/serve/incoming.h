// serve/incoming.h — what every entry for locations does first: it unpacks the body, and knows whose locations may come in it.
//
// Threads: all functions from any thread.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "serve/api.h"
#include "serve/problem.h"

namespace waybill::serve {

// The body, unpacked into `unpacked` where it was packed.
std::expected<std::string_view, Reply> plain_body(const Request& request, std::string& unpacked);

bool is_of_type(std::string_view content_type, std::string_view type);
Reply unsupported(std::string_view field, std::string_view expected);  // 415

// Empty; each thread keeps its own, with the memory that the last bodies needed.
ingest::Batch& empty_batch(const ingest::Acceptor& acceptor);

// With the token's deliverer, where it is one's.
wire::InputOptions input_options(const ApiParts& parts, const Request& request);

// A deliverer may name an order that nobody was assigned to, or one that it was; another's would move under the customer's eyes.
std::optional<wire::ItemFailure> what_others_carry(const ApiParts& parts, const Request& request,
                                                   const Location& location);
// To the audit, where it was refused because it speaks for another.
void tell_denied(const ApiParts& parts, const Request& request, const wire::ItemFailure& failure);

}  // namespace waybill::serve
