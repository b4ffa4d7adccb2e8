#include "app/source_pages.h"

#include <curl/curl.h>

#include <memory>
#include <set>

#include "app/batch_answer.h"
#include "app/http_client.h"
#include "base/pause.h"
#include "wire/json_text.h"

namespace waybill::app {
namespace {

struct UrlCloser {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlCloser>;

std::string part_of(const Url& url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

Result<Url> parse(const std::string& text) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return fail(Code::invalid, text + ": expected a URL, as https://shop.example/orders");
  return url;
}

std::string origin_of(const Url& url) {
  return part_of(url, CURLUPART_SCHEME) + "://" + part_of(url, CURLUPART_HOST) + ':' +
         part_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

std::string target_of(const Url& url) {
  const std::string query = part_of(url, CURLUPART_QUERY);
  return part_of(url, CURLUPART_PATH) + (query.empty() ? "" : "?" + query);
}

Result<std::string> with_parameter(const std::string& text, const std::string& name, const std::string& value) {
  TRY_LET(const Url url, parse(text));
  if (curl_url_set(url.get(), CURLUPART_QUERY, (name + "=" + value).c_str(), CURLU_APPENDQUERY | CURLU_URLENCODE) !=
      CURLUE_OK)
    return fail(Code::invalid, text + ": does not take the parameter " + name);
  return part_of(url, CURLUPART_URL);
}

std::string unescaped(std::string_view part) {
  std::string text;
  for (size_t i = 0; i < part.size(); ++i) {
    const bool escape = part[i] == '~' && i + 1 < part.size();
    text += !escape ? part[i] : part[++i] == '1' ? '/' : '~';
  }
  return text;
}

class Pages {
 public:
  Pages(const PageParts& parts, HttpClient& client, std::string origin, File& into)
      : parts_(parts), definition_(parts.definition), client_(client), origin_(std::move(origin)), into_(into) {
    if (parts.secret.empty()) return;
    header_ =
        definition_.header.empty() ? "Authorization: Bearer " + parts.secret : definition_.header + ": " + parts.secret;
  }

  Result<uint64_t> fetch() {
    std::string url = definition_.where;
    if (!definition_.page.empty()) {
      TRY_LET(url, with_parameter(definition_.where, definition_.page, "1"));
    }
    while (!url.empty()) {
      if (pages_ == pages_max) return fail(Code::invalid, url + ": more than " + std::to_string(pages_max) + " pages");
      if (!seen_.insert(url).second) return fail(Code::invalid, url + ": this page leads back to itself");
      TRY_LET(const HttpAnswer answer, get(url));
      ++pages_;
      wire::JsonChecker checker;
      if (auto checked = checker.check(answer.body); !checked) return fail_in(url, checked.error());
      TRY_LET(const uint64_t items, write_items(url, answer.body));
      TRY_LET(url, next_of(url, answer, items));
    }
    TRY(into_.sync());
    return pages_;
  }

 private:
  Result<HttpAnswer> get(const std::string& text) {
    TRY_LET(const Url url, parse(text));
    if (origin_of(url) != origin_)
      return fail(Code::denied, text + ": is not on " + origin_ + ", where this source is");
    const std::string target = target_of(url);
    HttpRequest request{.path = target, .body = {}, .headers = {"Accept: application/json"}};
    if (!header_.empty()) request.headers.push_back(header_);
    std::string why;
    for (unsigned attempt = 1; attempt <= page_attempts_max && !parts_.stop.stop_requested(); ++attempt) {
      auto answer = client_.get(request);
      if (!answer && answer.error().code != Code::unavailable) return answer;
      const Verdict verdict = answer ? verdict_of(answer->status) : Verdict::retry;
      if (verdict == Verdict::taken) return answer;
      why = answer ? error_text(answer->status, answer->body) : answer.error().message;
      if (verdict != Verdict::retry)
        return fail(verdict == Verdict::refused ? Code::invalid : Code::denied, text + ": " + why);
      if (attempt < page_attempts_max) pause(retry_wait(attempt, answer ? &*answer : nullptr), parts_.stop);
    }
    return fail(Code::unavailable, text + ": " + (why.empty() ? "told to stop" : why));
  }

  Result<uint64_t> write_items(const std::string& url, std::string_view body) {
    const auto items = member_at(wire::json_trimmed(body), definition_.items);
    if (!items || wire::kind_of(*items) != wire::JsonKind::array)
      return fail(Code::invalid, url + ": expected an array" +
                                     (definition_.items.empty() ? "" : " at " + definition_.items) +
                                     " of the page; --items says where it is");
    std::string lines;
    uint64_t count = 0;
    wire::JsonWalk walk(*items);
    for (std::string_view item; walk.next_element(item); ++count) {
      wire::append_compact(lines, item);
      lines += '\n';
    }
    TRY(into_.write_at(written_, as_bytes(lines)));
    written_ += lines.size();
    return count;
  }

  // Empty: that was the last.
  Result<std::string> next_of(const std::string& url, const HttpAnswer& answer, uint64_t items) const {
    if (!definition_.page.empty()) {
      if (items == 0) return std::string();
      return with_parameter(definition_.where, definition_.page, std::to_string(pages_ + 1));
    }
    std::string next;
    if (definition_.next.empty()) {
      if (const auto link = answer.headers.find("link"); link != answer.headers.end()) next = next_link(link->second);
    } else {
      next = scalar_at(wire::json_trimmed(answer.body), definition_.next);
    }
    if (next.empty()) return next;
    if (!definition_.cursor.empty()) return with_parameter(definition_.where, definition_.cursor, next);
    TRY_LET(const Url base, parse(url));
    if (curl_url_set(base.get(), CURLUPART_URL, next.c_str(), 0) != CURLUE_OK)
      return fail(Code::invalid, url + ": names " + next + " as its next page, which is no URL");
    return part_of(base, CURLUPART_URL);
  }

  // A text or a number; empty where there is none.
  static std::string scalar_at(std::string_view body, const std::string& pointer) {
    const auto found = member_at(body, pointer);
    if (!found) return {};
    if (wire::kind_of(*found) == wire::JsonKind::number) return std::string(*found);
    if (wire::kind_of(*found) != wire::JsonKind::string) return {};
    std::string scratch;
    return std::string(wire::json_string(*found, scratch).value_or(""));
  }

  const PageParts& parts_;
  const SourceDefinition& definition_;
  HttpClient& client_;
  const std::string origin_;
  File& into_;
  std::string header_;
  std::set<std::string> seen_;
  uint64_t pages_ = 0;
  uint64_t written_ = 0;
};

}  // namespace

std::optional<std::string_view> member_at(std::string_view value, std::string_view pointer) {
  while (!pointer.empty()) {
    if (pointer.front() != '/' || wire::kind_of(value) != wire::JsonKind::object) return std::nullopt;
    pointer.remove_prefix(1);
    const std::string wanted = unescaped(pointer.substr(0, pointer.find('/')));
    pointer.remove_prefix(std::min(pointer.find('/'), pointer.size()));
    wire::JsonWalk walk(value);
    bool found = false;
    std::string scratch;
    for (std::string_view name, inner; !found && walk.next_member(name, inner);) {
      found = wire::json_string(name, scratch) == wanted;
      if (found) value = inner;
    }
    if (!found) return std::nullopt;
  }
  return value;
}

std::string next_link(std::string_view header) {
  // <https://shop.example/orders?page=2>; rel="next", <…>; rel="last"
  while (true) {
    const size_t begin = header.find('<');
    const size_t end = header.find('>', begin == std::string_view::npos ? 0 : begin);
    if (begin == std::string_view::npos || end == std::string_view::npos) return {};
    const std::string_view url = header.substr(begin + 1, end - begin - 1);
    header.remove_prefix(end + 1);
    const std::string_view parameters = header.substr(0, header.find('<'));
    if (parameters.contains("rel=\"next\"") || parameters.contains("rel=next")) return std::string(url);
  }
}

Result<void> check_source_url(const std::string& url) {
  TRY_LET(const Url parsed, parse(url));
  const std::string scheme = part_of(parsed, CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") return fail(Code::invalid, url + ": expected http:// or https://");
  if (!part_of(parsed, CURLUPART_USER).empty() || !part_of(parsed, CURLUPART_PASSWORD).empty())
    return fail(Code::invalid,
                "--url: expected no name or password in it: --secret-variable or --secret-file says where they are");
  return {};
}

Result<uint64_t> fetch_pages(const PageParts& parts, File& into) {
  TRY_LET(const Url url, parse(parts.definition.where));
  const std::string origin = origin_of(url);
  TRY_LET(const auto client, open_http_client({.url = origin,
                                               .trust = {.ca_file = parts.definition.ca_file},
                                               .addresses = &parts.addresses,
                                               .stop = parts.stop}));
  return Pages(parts, *client, origin, into).fetch();
}

}  // namespace waybill::app
