// app/http_client.h — the courier's end of the wire: a small HTTP/1.1 client that keeps its connection.
//
// Threads: one client belongs to one thread.
// Failure: a Result fails only where no answer came: unavailable (refused, timed out, cut off; try again), invalid (the URL or
//          the request makes no sense), denied (the server is not the one it should be, or its address may not be). An answer with any status is a value.
// Limits:  an answer longer than answer_bytes_max is unavailable.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "notify/addresses.h"

namespace waybill::app {

inline constexpr size_t answer_bytes_max = 64 << 20;

// Which servers an https:// URL may lead to.
struct Trust {
  enum class Whom { authorities, anybody };
  Whom whom = Whom::authorities;  // its certificate comes from one of them and names the host of the URL
  std::string ca_file{};  // PEM file of the authorities; empty: the system's
};

struct HttpOptions {
  std::string url = "http://127.0.0.1:5000";  // scheme, host, port; a path in it stands before every request's
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds answer_timeout{30'000};  // from the request's begin to the answer's end
  Trust trust{};
  std::string bearer{};  // sent as Authorization: Bearer, where not empty
  // Asked with the address that is connected to, after every look-up of the name; no proxy is then. Null: any, and those of the
  // environment.
  const notify::AddressRule* addresses = nullptr;
  std::stop_token stop{};  // a request under way ends as unavailable
};

struct HttpRequest {
  std::string_view path{};  // "/v1/locations"
  std::string_view body{};
  std::vector<std::string> headers{};  // "Content-Type: application/json"
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers{};  // names in lower case; the last one where a name comes twice
  std::string body{};
  std::chrono::microseconds latency{};
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual Result<HttpAnswer> get(const HttpRequest& request) = 0;
  virtual Result<HttpAnswer> post(const HttpRequest& request) = 0;
  virtual Result<HttpAnswer> put(const HttpRequest& request) = 0;
  virtual Result<HttpAnswer> remove(const HttpRequest& request) = 0;  // DELETE; no body
};

Result<std::unique_ptr<HttpClient>> open_http_client(HttpOptions options);

// What to do with an answer: one table for all who send.
enum class Verdict {
  taken,  // 2xx
  retry,  // 408, 429, 5xx: the same again, later
  refused,  // 400, 413, 422: these bytes will never be taken
  barred,  // any other: nothing we send will be (wrong address, no right)
};
Verdict verdict_of(int status);

// How long to wait before try number `attempt` (1 is the first repeat): the server's Retry-After where it gave one, else
// doubling from 100 ms; never longer than retry_wait_max.
inline constexpr std::chrono::milliseconds retry_wait_max{5'000};
// A sender gives up where nobody answered it from its start up to here; once answered, it never does.
inline constexpr std::chrono::seconds first_answer_wait{30};
std::chrono::milliseconds retry_wait(unsigned attempt, const HttpAnswer* answer);

}  // namespace waybill::app
