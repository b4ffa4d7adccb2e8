#include "app/stop_signal.h"

#include <cstdlib>

namespace waybill::app {

StopAtSignal::StopAtSignal(std::function<void()> on_hangup) : on_hangup_(std::move(on_hangup)) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  if (on_hangup_) sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  waiting_ = std::jthread([this](std::stop_token ended) { wait(ended); });
}

void StopAtSignal::wait(std::stop_token ended) {
  constexpr timespec look_every{.tv_sec = 0, .tv_nsec = 100'000'000};
  while (!ended.stop_requested()) {
    const int signal = sigtimedwait(&signals_, nullptr, &look_every);
    if (signal < 0) continue;
    if (signal == SIGHUP) {
      on_hangup_();
      continue;
    }
    if (asked_.stop_requested()) std::_Exit(1);
    asked_.request_stop();
  }
}

}  // namespace waybill::app
