// notify/transport.h — how requests go out and what comes back, many at a time.
//
// Threads: one at a time; wake() from any thread.
// Failure: an answer with status 0 says in `error` why none came.
// Limits:  an answer's body is not read beyond answer_bytes_max; no redirect is followed; the environment's proxies are not asked.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "notify/addresses.h"

namespace waybill::notify {

inline constexpr size_t answer_bytes_max = 64 << 10;
inline constexpr long connections_max = 64;

struct Outgoing {
  uint64_t ticket = 0;
  std::string url;
  std::vector<std::string> headers;  // "webhook-id: 1-0-42.0"
  std::string body;
};

struct Answer {
  uint64_t ticket = 0;
  int status = 0;
  std::string error;
  std::optional<std::chrono::seconds> retry_after;
  std::chrono::milliseconds took{};
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void send(Outgoing outgoing) = 0;
  // The answers that are there; waits for one for so long, or until wake().
  virtual std::vector<Answer> wait(std::chrono::milliseconds most) = 0;
  virtual void wake() = 0;
};

struct CurlOptions {
  std::chrono::milliseconds timeout{10'000};  // from the connection's begin to the answer's end
  AddressRule addresses{};  // asked with the address that is connected to, after every look-up of the name
  std::string ca_file{};  // PEM file of the only authorities; empty: the system's
};

Result<std::unique_ptr<Transport>> open_curl_transport(CurlOptions options);

// http or https, a host, no name or password, at most hook_url_bytes_max; invalid says what is wrong. An address in it must be
// one that the rule allows.
Result<void> check_hook_url(const std::string& url, const AddressRule& addresses);

}  // namespace waybill::notify
