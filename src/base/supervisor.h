// base/supervisor.h — tells systemd, where it started this process, how it is: ready, reloading, stopping, alive.
//
// Threads: all functions from any thread. They do nothing where nobody asked for it (no NOTIFY_SOCKET).
#pragma once

#include <chrono>
#include <optional>

namespace waybill::supervisor {

void tell_ready();
void tell_reloading();  // these two only after tell_ready()
void tell_reloaded();
void tell_stopping();
void tell_alive();

// How often it wants to hear tell_alive(), else it ends the process and starts another; nothing where it does not ask.
std::optional<std::chrono::microseconds> wants_alive_every();

}  // namespace waybill::supervisor
