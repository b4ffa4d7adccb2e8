// app/stop_signal.h — Ctrl-C and SIGTERM as a stop token: the first asks for a clean stop, a second ends the process at once.
//
// Threads: make it before any other thread, so that all of them leave the signals to it.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace waybill::app {

class StopAtSignal {
 public:
  StopAtSignal();
  std::stop_token token() const { return asked_.get_token(); }

 private:
  void wait(std::stop_token ended);

  sigset_t signals_{};
  std::stop_source asked_;
  std::jthread waiting_;
};

}  // namespace waybill::app
