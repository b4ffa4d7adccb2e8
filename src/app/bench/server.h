// app/bench/server.h — the waybill that is measured where none is named: a process of its own on a free port of this machine, with
// a temporary folder and default settings.
//
// Threads: one.
// Failure: unavailable where it does not start (with the end of what it said) or does not stop.
#pragma once

#include <memory>
#include <stop_token>

#include "app/bench/requests.h"
#include "base/clock.h"
#include "ingest/books.h"

namespace waybill::app::bench {

class Server {
 public:
  virtual ~Server() = default;  // kills it where it still runs, and removes its folder
  virtual Target target() const = 0;
  virtual std::string folder() const = 0;
  virtual Result<Duration> cpu_time() const = 0;  // of all its threads so far
  // Waits until everything acknowledged is in its store, and says how long that took; at most catch_up_wait_max.
  virtual Result<Duration> catch_up(std::stop_token stop) = 0;
  // Ends it, and compares its books as `waybill verify` does.
  virtual Result<ingest::Balance> stop_and_verify() = 0;
};

inline constexpr std::chrono::seconds start_wait_max{60};
inline constexpr std::chrono::seconds stop_wait_max{120};
inline constexpr std::chrono::seconds catch_up_wait_max{120};

// The temporary folder is made below `below`.
Result<std::unique_ptr<Server>> start_server(const std::string& below, Clock& clock, std::stop_token stop);

}  // namespace waybill::app::bench
