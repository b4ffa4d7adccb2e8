// serve/reply_text.h — a reply as the bytes of an HTTP/1.1 response, and the Date that stands in it.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "serve/http.h"

namespace waybill::serve {

enum class After : uint8_t { stays_open, stays_open_told, closes };  // told: HTTP/1.0 wants to hear it
enum class WithBody : uint8_t { yes, no };                           // no: the answer to HEAD

// Appends. A control character in a header's value becomes a space, so that no value can start a line of its own.
void write_reply(std::string& into, const Reply& reply, std::string_view date, After after, WithBody with_body);

std::string http_date(Time now);  // "Tue, 15 Nov 1994 08:12:31 GMT"

}  // namespace waybill::serve
