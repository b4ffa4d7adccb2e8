#include "base/supervisor.h"

#include <systemd/sd-daemon.h>

#include <atomic>
#include <string>

#include "base/clock.h"

namespace waybill::supervisor {
namespace {

// What cannot be told is not told: the supervisor sees it by itself when nothing comes.
void tell(const std::string& state) { [[maybe_unused]] const int told = sd_notify(0, state.c_str()); }

std::atomic<bool> is_ready{false};

}  // namespace

void tell_ready() {
  is_ready = true;
  tell("READY=1");
}

void tell_reloading() {
  if (!is_ready) return;
  // The time lets it tell this reload from an earlier one.
  const auto now = system_clock().steady().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

void tell_reloaded() {
  if (is_ready) tell("READY=1");
}

void tell_stopping() { tell("STOPPING=1"); }

void tell_alive() { tell("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> wants_alive_every() {
  uint64_t limit_us = 0;
  if (sd_watchdog_enabled(0, &limit_us) <= 0) return std::nullopt;
  return std::chrono::microseconds(limit_us / 3);  // two may be late
}

}  // namespace waybill::supervisor
