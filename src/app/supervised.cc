#include "app/supervised.h"

#include "base/log.h"
#include "base/pause.h"
#include "base/supervisor.h"

namespace waybill::app {

Supervised::Supervised(const serve::Server& server, Clock& clock) : server_(server), clock_(clock) {
  supervisor::tell_ready();
  if (const auto every = supervisor::wants_alive_every())
    telling_ = std::jthread([this, every = *every](std::stop_token ended) { keep_telling(every, ended); });
}

bool Supervised::alive() const { return stopping_ || clock_.steady() - server_.came_round() < loop_silence_max; }

void Supervised::stopping() {
  stopping_ = true;
  supervisor::tell_stopping();
}

void Supervised::keep_telling(std::chrono::microseconds every, std::stop_token ended) {
  while (!ended.stop_requested()) {
    if (alive())
      supervisor::tell_alive();
    else
      log::error("an event loop of the HTTP server hangs; systemd will start the process again");
    pause(every, ended);
  }
}

}  // namespace waybill::app
