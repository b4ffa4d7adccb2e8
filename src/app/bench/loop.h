// app/bench/loop.h — the load generator's sockets: keep-alive connections to one server, all turned by one loop of one thread.
//
// Threads: one.
// Failure: unavailable where the server cannot be connected to. A connection that breaks says so once, to its caller.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "app/bench/requests.h"
#include "base/clock.h"

namespace waybill::app::bench {

// Whoever asks over a connection. It may ask again from within answered().
class Caller {
 public:
  virtual ~Caller() = default;
  virtual void answered(const Answer& answer) = 0;
  virtual void broken(const std::string& why) = 0;  // no answer comes any more
  virtual void streamed(std::string_view) {}  // a piece of the body of an answer that was asked for by stream()
};

class Connection {
 public:
  virtual ~Connection() = default;
  // One at a time. The request has to stay as it is until its answer.
  virtual void ask(std::string_view request, Caller& caller) = 0;
  // The same; answered() comes at the body's end, without the body.
  virtual void stream(std::string_view request, Caller& caller) = 0;
};

class Loop {
 public:
  virtual ~Loop() = default;
  virtual Result<std::unique_ptr<Connection>> connect() = 0;  // goes before the loop
  virtual void after(Duration wait, std::function<void()> call) = 0;
  virtual void run(std::stop_token stop) = 0;  // once; until end(), or stop is asked for
  virtual void end() = 0;
};

std::unique_ptr<Loop> open_loop(const Target& target);

}  // namespace waybill::app::bench
