// app/supervised.h — while it exists, systemd hears that the server is ready and that its loops turn; where they do not, nothing.
//
// Threads: one of its own, where systemd asks to hear from us; stopping() from any.
#pragma once

#include <atomic>
#include <thread>

#include "base/clock.h"
#include "serve/server.h"

namespace waybill::app {

// A loop that has not come round for so long hangs: systemd is not told that we live, and starts us again. A sync that takes
// seconds on a tired disk is below it.
inline constexpr std::chrono::seconds loop_silence_max{60};

class Supervised {
 public:
  Supervised(const serve::Server& server, Clock& clock);
  bool alive() const;
  void stopping();  // from here on it waits for us as long as its own limit for a stop

 private:
  void keep_telling(std::chrono::microseconds every, std::stop_token ended);

  const serve::Server& server_;
  Clock& clock_;
  std::atomic<bool> stopping_{false};
  std::jthread telling_;
};

}  // namespace waybill::app
