// serve/problem.h — how an error is told over HTTP: its status, and a body of RFC 9457 (application/problem+json).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/http.h"
#include "wire/json_in.h"

namespace waybill::serve {

int status_of(Code code);
std::string_view reason_phrase(int status);  // "Not Found"; also the problem's title

struct Problem {
  int status = 400;
  std::string detail;
  std::string field = {};     // where one field or parameter is to blame
  std::string expected = {};  // what would have been right there
};

Reply reply_of(const Problem& problem);
// 503 and 429 say Retry-After; what went wrong inside (corrupt) is for the log, not for the client.
Reply reply_of(const Error& error);
// Of a body that speaks of credentials or webhooks: 422 with the field that makes no sense, 400 where it is the body itself.
Reply refused(const wire::ItemFailure& failure);
Reply refused(const Error& error);  // one that is invalid names the field: "field: what was expected"
Reply bad_parameter(std::string_view name, std::string_view expected);  // 400

inline constexpr std::string_view retry_after_s = "1";

}  // namespace waybill::serve
