// base/pause.h — waits for a time to pass, or to be asked to stop.
//
// Threads: from any.
#pragma once

#include <chrono>
#include <stop_token>

namespace waybill {

void pause(std::chrono::nanoseconds at_most, const std::stop_token& stop);

}  // namespace waybill
