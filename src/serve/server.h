// serve/server.h — the HTTP/1.1 server: sockets, event loops, and replies that wait for the disk.
//
// Delivery: a reply with `after` leaves only when a commit covered it. The first one held in a round of a loop lets that loop
//           commit once, behind everything that is ready now, and then all of them leave. A client that goes away meanwhile
//           changes nothing.
// Threads:  open_server, start and stop from one thread; handlers run in the loops' and the pool's threads.
// Failure:  a failed commit makes every reply that it held a 503 and calls on_failure (from a loop's thread, maybe more than
//           once): the process is to stop then. open_server: invalid for an address that is none, conflict where the port is
//           taken, denied where it may not be used.
// Limits:   those of ServerOptions; at connections_max a new one is answered 503 and closed, and beyond refusals_max just
//           closed; pool_queue_max and bodies_bytes_max answer 503; at unread_bytes_max the client that has taken nothing
//           for longest is cut.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "ingest/progress.h"
#include "serve/http.h"
#include "serve/tls.h"

namespace waybill::serve {

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 5000;  // 0: any that is free
  std::vector<uint16_t> more_ports = {};  // the same is served there
  int threads = 1;  // event loops
  int pool_threads = 2;  // for routes of Where::pool
  size_t connections_max = 10'000;
  size_t refusals_max = 100;  // connections that are being told 503
  size_t pool_queue_max = 256;  // requests that wait for or run in the pool, those of patient routes left out
  size_t header_bytes_max = 16 << 10;  // 431
  size_t body_bytes_max = 16 << 20;  // 413
  size_t bodies_bytes_max = 256 << 20;  // of all requests together, those below 16 KiB left out
  size_t unread_bytes_max = 256 << 20;  // of all replies together that their clients do not take
  size_t inline_body_bytes_max = 64 << 10;  // a larger or a packed body is for the pool
  Tls* tls = nullptr;  // HTTPS; outlives the server. null: plain HTTP
  std::chrono::milliseconds handshake_ms_max{10'000};  // from a connection's begin until it speaks TLS: cut
  std::chrono::milliseconds idle_ms_max{75'000};
  std::chrono::milliseconds request_ms_max{30'000};
  std::chrono::milliseconds write_ms_max{30'000};
  std::chrono::milliseconds read_wait_ms_max{2'000};
  std::chrono::milliseconds heartbeat_ms{15'000};  // of streams, as retry_ms: see surroundings.h
  std::chrono::milliseconds retry_ms{2'000};
  std::chrono::milliseconds linger_ms_max{2'000};  // after a last reply: so that the client reads it before the reset
  std::chrono::milliseconds sweep_every{200};  // how exact these times are
};

struct Durability {
  std::function<Result<void>()> commit;
  std::function<uint64_t()> durable_end;
  std::function<void(const Error&)> on_failure;
};

class Server {
 public:
  virtual ~Server() = default;  // stop(0)
  virtual void start() = 0;  // once
  // Takes no more connections, finishes the requests that run, then closes; what is not done in time is cut.
  virtual void stop(std::chrono::milliseconds at_most) = 0;
  virtual uint16_t port() const = 0;
  // When the event loop that is latest came round; each does every sweep_every, so an old time is a loop that hangs.
  virtual std::chrono::steady_clock::time_point came_round() const = 0;
};

// Binds and listens; nobody is served before start().
Result<std::unique_ptr<Server>> open_server(ServerOptions options, std::vector<Route> routes, Door& door,
                                            Durability durability, ingest::Progress& progress, Metrics& metrics,
                                            Clock& clock);

}  // namespace waybill::serve
