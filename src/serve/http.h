// serve/http.h — a request, its reply and the route that makes one of the other, as plain values.
//
// Threads: a Request's views live until its handler returns; a handler may be called from several threads at once.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/access.h"
#include "serve/stream.h"

namespace waybill::serve {

enum class Method : uint8_t { get, head, post, put, patch, remove, options, other };

std::string_view to_string(Method method);  // as HTTP writes it; "" for other

struct Header {
  std::string_view name;
  std::string_view value;
};

struct Request {
  Method method = Method::other;
  std::string_view path;   // as sent
  std::string_view query;  // behind the question mark, as sent
  std::span<const Header> headers;
  std::string_view body;
  std::vector<std::string> params;  // what stood at the pattern's {…}, in their order, decoded

  std::string_view address;         // the client's, as the door sees it
  // Who asks; nobody where the door is open to all. Shared: the door remembers whom it knows.
  std::shared_ptr<const Principal> who;

  // The first with this name, whatever its case; empty where there is none.
  std::string_view header(std::string_view name) const;
  // Decoded; nothing where the query does not have it.
  std::optional<std::string> query_value(std::string_view name) const;
};

struct Reply {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";  // a literal, or something that outlives the server
  std::vector<std::pair<std::string, std::string>> headers;
  // Journal offset: nobody may see this reply before everything below it is durable.
  std::optional<uint64_t> after;
  // Where given, status is 200 and there is no body: the events follow the head, for as long as the viewer stays. Shared,
  // since replies are copied.
  std::shared_ptr<Stream> stream = nullptr;
};

// visible: it reads, so everything that was durable when the request came must be in the store first.
enum class Needs : uint8_t { nothing, visible };

// by_body: in the pool where the body is large or packed (Server's inline_body_bytes_max), else in the loop.
enum class Where : uint8_t { loop, pool, by_body };

struct Route {
  Method method = Method::get;  // a get answers HEAD too
  Act act = Act::administer;  // what it is to who asks
  std::string pattern;  // "/v1/orders/{id}/track"; a slash at the end of a request's path is ignored
  std::function<Reply(const Request&)> handler;
  // Where given: of requests only whose query has one of these parameters; they do not come to another route of this method and
  // pattern then.
  std::vector<std::string_view> told_by = {};
  Needs needs = Needs::nothing;
  Where where = Where::loop;
  // Not refused for load: it waits its turn in the pool however long, and answers from what the store shows where the store
  // stays behind. For streams: an EventSource that is refused once does not come back.
  bool patient = false;
  // Where given and needs is visible: the offset that must be visible as well, or the reply that refuses.
  std::function<std::expected<uint64_t, Reply>(const Request&)> wait_for = {};
};

// Who asks; everybody, as an administrator, where the door is open to all.
const Principal& asked_by(const Request& request);

// Decides who comes in, before a body is read, and what every reply carries.
// Threads: all methods from any of the loops' threads.
class Door {
 public:
  virtual ~Door() = default;
  // Sets request.who, or says with which reply the request ends. A body that follows is not read then.
  virtual std::optional<Reply> admit(const Route& route, Request& request) = 0;
  // OPTIONS of a path that has these methods.
  virtual Reply preflight(const Request& request, std::string_view allow) = 0;
  virtual void dress(const Request& request, Reply& reply) = 0;
  // Of a request that was admitted: what can be asked later, whether its credential still holds. Not after the door's end.
  virtual std::function<bool()> pass(const Request& request) = 0;
};

// "%C3%A9" to its bytes; a % without two digits is kept as it is.
enum class Plus : uint8_t { kept, space };
std::string percent_decoded(std::string_view text, Plus plus);
// "a=1&b=2", of a query or of a form, in their order.
std::vector<std::pair<std::string, std::string>> named_values(std::string_view text);
std::string percent_encoded(std::string_view text);  // all but letters, digits, - . _ ~

}  // namespace waybill::serve
