// app/stop_signal.h — Ctrl-C and SIGTERM as a stop token: the first asks for a clean stop, a second ends the process at once;
// SIGHUP as a call.
//
// Threads: make it before any other thread, so that all of them leave the signals to it.
#pragma once

#include <csignal>
#include <functional>
#include <stop_token>
#include <thread>

namespace waybill::app {

class StopAtSignal {
 public:
  // `on_hangup`: called from a thread of its own at each SIGHUP; without it SIGHUP ends the process, as a closed terminal does.
  explicit StopAtSignal(std::function<void()> on_hangup = {});
  std::stop_token token() const { return asked_.get_token(); }

 private:
  void wait(std::stop_token ended);

  std::function<void()> on_hangup_;
  sigset_t signals_{};
  std::stop_source asked_;
  std::jthread waiting_;
};

}  // namespace waybill::app
