// serve/surroundings.h — what a conversation needs of the loop that it lives in, and the times and sizes that bound it.
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "serve/http.h"
#include "serve/live_meter.h"
#include "serve/parser.h"
#include "serve/websocket.h"

namespace waybill::serve {

using Moment = std::chrono::steady_clock::time_point;

struct ConversationLimits {
  ParserLimits parser;
  size_t inline_body_bytes_max = 64 << 10;  // a larger body of a Where::by_body route is for the pool
  std::chrono::milliseconds idle_ms_max{75'000};  // between two requests: closed
  std::chrono::milliseconds request_ms_max{30'000};  // from a request's first byte to its last: 408
  std::chrono::milliseconds write_ms_max{30'000};  // without the client taking anything: cut
  std::chrono::milliseconds read_wait_ms_max{2'000};  // for the store to show what is durable: 503
  std::chrono::milliseconds heartbeat_ms{15'000};  // of a stream; so often its viewer's right to see it is asked too
  std::chrono::milliseconds retry_ms{
      2'000};  // after which a viewer is to come back, on average: half of it to one and a half
};

// What a conversation needs of the loop that it lives in.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  virtual Moment now() const = 0;
  virtual std::string_view date() const = 0;
  virtual uint64_t durable_end() const = 0;
  virtual uint64_t visible() const = 0;
  virtual void hold() = 0;  // committed() follows
  virtual void wait_visible(uint64_t offset) = 0;  // became_visible() follows, unless forget_wait() comes first
  virtual void forget_wait() = 0;
  virtual bool run_in_pool(const Route& route) = 0;  // answered() follows; false: the pool is full
  virtual bool take_body_bytes(size_t bytes) = 0;  // false: too much is held in memory
  virtual void give_body_bytes(size_t bytes) = 0;
  virtual void count(const Route* route, int status, Moment began) = 0;
  virtual Door& door() = 0;
  virtual std::string_view address() const = 0;  // the peer's
  // Of a conversation that begins a stream: what makes woken() follow, soon, once for many calls. May be called from any
  // thread and after the end.
  virtual std::function<void()> waker() = 0;
  virtual const LiveMeter& live_meter(Transport transport) = 0;
  virtual WebSockets& websockets() = 0;
  virtual uint64_t random() = 0;
};

}  // namespace waybill::serve
