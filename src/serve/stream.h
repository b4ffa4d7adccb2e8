// serve/stream.h — a reply that goes on: events for one viewer, whichever way they travel (server-sent events, WebSocket).
//
// Order:   begin() once, then take() and welcome() from the thread of the viewer's connection only, then the destructor there.
//          The first take() follows begin() without a wake. A stream of a HEAD, of a reply that was held for a commit that
//          failed, or whose connection ended before the reply left, is destroyed without begin().
// Threads: wake may be called from any thread, any number of times, and after the connection is gone.
// Memory:  a stream keeps a constant amount, however slow its viewer is: what cannot be told in time is told as the newest.
// Failure: take() says over where nothing more will come; the connection then ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace waybill::serve {

// Where a stream's events go. `id` is opaque, without line breaks, empty where a viewer cannot go on from there; `data` is
// JSON on one line.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void event(std::string_view id, std::string_view name, std::string_view data) = 0;
};

class Stream {
 public:
  // waits: nothing more until wake; more: there is more at once, when the viewer has taken this; over: the stream has ended.
  enum class Next : uint8_t { waits, more, over };
  static constexpr size_t take_bytes_max = 16 << 10;  // about so much at a time

  virtual ~Stream() = default;
  // `wake` asks for a take(). Called when the reply's head is on its way.
  virtual void begin(std::function<void()> wake) = 0;
  virtual Next take(EventSink& sink) = 0;
  // Whether the viewer may still see what it sees, by the rules of what it sees. Asked from time to time; false: it ends.
  virtual bool welcome() = 0;
};

}  // namespace waybill::serve
