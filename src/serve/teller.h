// serve/teller.h — how a viewer's events become bytes: as server-sent events (WHATWG HTML, 9.2), or as a WebSocket's messages.
//
// Threads: one at a time, that of the connection.
// Order:   nothing is said behind end().
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "serve/live_meter.h"
#include "serve/stream.h"

namespace waybill::serve {

class Teller : public EventSink {
 public:
  virtual void heartbeat() = 0;
  virtual void end(Ending why) = 0;
  enum class Heard : uint8_t { well, farewell, broken };
  virtual Heard hear(std::string_view bytes) = 0;  // what the viewer sends
  virtual size_t pending() const = 0;  // bytes that flush() would give
  virtual void flush(std::string& output) = 0;  // appends what was said since the last time
};

// chunked: HTTP/1.1, whose readers see where a reply ends; to_the_end: HTTP/1.0.
enum class Framing : uint8_t { chunked, to_the_end };
inline constexpr size_t heard_bytes_max = 4 << 10;  // of a viewer that has nothing to say

std::unique_ptr<Teller> make_sse(Framing framing, std::chrono::milliseconds retry);

}  // namespace waybill::serve
