#include "app/stop_signal.h"

#include <cstdlib>

namespace waybill::app {

StopAtSignal::StopAtSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  waiting_ = std::jthread([this](std::stop_token ended) { wait(ended); });
}

void StopAtSignal::wait(std::stop_token ended) {
  constexpr timespec look_every{.tv_sec = 0, .tv_nsec = 100'000'000};
  while (!ended.stop_requested()) {
    if (sigtimedwait(&signals_, nullptr, &look_every) < 0) continue;
    if (asked_.stop_requested()) std::_Exit(1);
    asked_.request_stop();
  }
}

}  // namespace waybill::app
