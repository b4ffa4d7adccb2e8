#include "base/pause.h"

#include <condition_variable>
#include <mutex>

namespace waybill {

void pause(std::chrono::nanoseconds at_most, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, at_most, [] { return false; });
}

}  // namespace waybill
