#include "serve/viewer.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace waybill::serve {
namespace {

// Counts on the way.
class Counting final : public EventSink {
 public:
  explicit Counting(EventSink& sink) : sink_(sink) {}
  void event(std::string_view id, std::string_view name, std::string_view data) override {
    ++count;
    sink_.event(id, name, data);
  }
  uint64_t count = 0;

 private:
  EventSink& sink_;
};

void tell_of_failure(const std::exception& exception) { log::error("a stream failed", {{"why", exception.what()}}); }

}  // namespace

Viewer::Viewer(std::shared_ptr<Stream> stream, std::unique_ptr<Teller> teller, std::function<bool()> may_stay,
               const LiveMeter& meter)
    : stream_(std::move(stream)), teller_(std::move(teller)), may_stay_(std::move(may_stay)), meter_(meter) {}

Viewer::~Viewer() { end(Ending::left); }

void Viewer::begin(std::function<void()> wake, Moment now) {
  begun_ = wants_turn_ = true;
  looked_ = now;
  wake_ = std::move(wake);
  meter_.viewers.add(1);
  try {
    stream_->begin(wake_);
  } catch (const std::exception& exception) {
    tell_of_failure(exception);
    end(Ending::broken);
  }
}

void Viewer::take() {
  if (ended_ || !std::exchange(wants_turn_, false)) return;
  Counting sink(*teller_);
  Stream::Next next = Stream::Next::more;
  try {
    while (next == Stream::Next::more && teller_->pending() < Stream::take_bytes_max) next = stream_->take(sink);
  } catch (const std::exception& exception) {
    tell_of_failure(exception);
    return end(Ending::broken);
  }
  if (sink.count > 0) meter_.events.add(sink.count);
  if (next == Stream::Next::over) end(Ending::over);
  wants_turn_ = next == Stream::Next::more;
}

// The next turn comes by way of the loop, so that one who has much to catch up with does not keep the others waiting.
void Viewer::flush(std::string& output) {
  teller_->flush(output);
  if (wants_turn_ && !ended_ && output.empty()) wake_();
}

void Viewer::hear(std::string_view bytes) {
  if (ended_) return;
  switch (teller_->hear(bytes)) {
    case Teller::Heard::well: return;
    case Teller::Heard::farewell: return end(Ending::left);
    case Teller::Heard::broken: return end(Ending::broken);
  }
}

void Viewer::look(Moment now, Moment quiet_since, std::chrono::milliseconds heartbeat_ms) {
  if (ended_ || !begun_) return;
  if (now - looked_ >= heartbeat_ms) {
    looked_ = now;
    try {
      if (!may_stay_() || !stream_->welcome()) return end(Ending::unwelcome);
    } catch (const std::exception& exception) {
      tell_of_failure(exception);
      return end(Ending::broken);
    }
  }
  if (now - quiet_since >= heartbeat_ms) teller_->heartbeat();
}

void Viewer::end(Ending why) {
  if (std::exchange(ended_, true)) return;
  teller_->end(why);
  stream_.reset();
  if (!begun_) return;
  meter_.viewers.add(-1);
  meter_.ended[static_cast<size_t>(why)]->add();
}

}  // namespace waybill::serve
