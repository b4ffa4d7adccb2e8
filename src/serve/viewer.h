// serve/viewer.h — one who watches a stream: takes its events as the viewer takes them, and asks whether it may go on.
//
// Order:   begin() once, then the others; the stream ends when this does.
// Threads: one at a time, that of the connection; the stream's wake comes from any.
// Failure: a stream that throws ends, and is logged.
// Memory:  about Stream::take_bytes_max wait to be flushed at most.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "serve/surroundings.h"
#include "serve/teller.h"

namespace waybill::serve {

class Viewer {
 public:
  // `may_stay` is the door's: whether the credential still holds.
  Viewer(std::shared_ptr<Stream> stream, std::unique_ptr<Teller> teller, std::function<bool()> may_stay,
         const LiveMeter& meter);
  ~Viewer();  // a stream that goes on until then was left

  void begin(std::function<void()> wake, Moment now);
  bool begun() const { return begun_; }
  void woken() { wants_turn_ = true; }
  void take();  // where the stream has something to tell, and there is room for it
  // Appends what is to be sent. Where that leaves `output` empty and there is more to tell, it asks for another turn.
  void flush(std::string& output);
  void hear(std::string_view bytes);
  // Every heartbeat_ms: asks whether the viewer may stay. Tells a heartbeat where nothing was said since `quiet_since`.
  void look(Moment now, Moment quiet_since, std::chrono::milliseconds heartbeat_ms);
  void end(Ending why);
  bool ended() const { return ended_; }

 private:
  std::shared_ptr<Stream> stream_;  // shared: it came in a reply
  const std::unique_ptr<Teller> teller_;
  const std::function<bool()> may_stay_;
  const LiveMeter& meter_;
  std::function<void()> wake_;
  Moment looked_;
  bool wants_turn_ = false;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace waybill::serve
