// broker/listener.h — what others publish to a server's topics, each message until it is said to be safe.
//
// Order:    of one topic as it was published; what comes again after a connection that broke comes in its order.
// Delivery: at least once of what the server holds for us, from the first time on that somebody listened under this name: what was
//           heard and not confirmed when the connection or the process ends comes again. What was published with QoS 0 nobody holds.
// Threads:  one at a time.
// Failure:  unavailable: it is not there now; it connects again by itself, so the same call may be repeated for ever. denied: it
//           knows us and says no: open a new one, later. invalid: what hear() gave before is not confirmed.
// Limits:   heard_messages_max, inbox_bytes_max: beyond them no more is taken from the server.
#pragma once

#include "broker/broker.h"

namespace waybill::broker {

inline constexpr size_t heard_messages_max = 1000;  // at a time

struct Heard {
  std::string topic;
  std::string bytes;
};

class Listener {
 public:
  virtual ~Listener() = default;
  // What has come, once something has; nothing when the time is over.
  virtual Result<std::vector<Heard>> hear(std::chrono::milliseconds at_most) = 0;
  // All that hear() gave is safe here: the server may forget it.
  virtual void confirm() = 0;
};

}  // namespace waybill::broker
