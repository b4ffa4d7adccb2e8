// app/source_pages.h — all pages of an HTTP API as one file, a JSON object a line.
//
// Order:    the pages' and theirs.
// Failure:  invalid: the URL, a page that is not what was said of it, or one that leads back to one before. denied: it does not let us in, its
//           address is not allowed, or its next page is on another server: a token goes to the one that was named. unavailable: a
//           page did not come after page_attempts_max tries.
// Limits:   a page has at most answer_bytes_max; pages_max of them, else invalid.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "app/source_definitions.h"
#include "base/files.h"
#include "notify/addresses.h"

namespace waybill::app {

inline constexpr unsigned page_attempts_max = 6;
inline constexpr uint64_t pages_max = 100'000;

struct PageParts {
  const SourceDefinition& definition;
  std::string secret;
  const notify::AddressRule& addresses;
  std::stop_token stop{};
};
Result<uint64_t> fetch_pages(const PageParts& parts, File& into);  // how many pages

// http or https, a host, no name or password.
Result<void> check_source_url(const std::string& url);

// What a JSON pointer (RFC 6901, members only) means in a checked text; nothing where it is not there.
std::optional<std::string_view> member_at(std::string_view value, std::string_view pointer);
// The URL that a Link header names as next; empty where it names none.
std::string next_link(std::string_view header);

}  // namespace waybill::app
