// serve/talk_partners.h — what a conversation in a test talks to: a door, handlers that note what they were asked, a stream.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "serve/http.h"

namespace waybill::serve {

// Handlers that note what they were asked. /held waits for the disk, /seen for the store, /pooled runs in the pool.
struct Asked {
  Method method = Method::other;
  std::string path;
  std::string body;
  bool operator==(const Asked&) const = default;
};

inline constexpr size_t reply_bytes_max = 4 << 10;  // of these handlers and of a problem

// Lets everybody in but to /shut.
class TestDoor final : public Door {
 public:
  std::optional<Reply> admit(const Route& route, Request&) override {
    if (route.pattern != "/shut") return std::nullopt;
    return Reply{.status = 401, .body = {}};
  }
  Reply preflight(const Request&, std::string_view) override { return {.status = 204, .body = {}}; }
  void dress(const Request&, Reply&) override {}
  std::function<bool()> pass(const Request&) override {
    return [this] { return holds.load(); };
  }

  std::atomic<bool> holds{true};  // every credential
};

// Tells what the test lays out for it, `events_at_once` a time, and says what it was asked.
class FakeStream final : public Stream {
 public:
  struct Told {
    std::deque<std::string> events;  // their data
    size_t events_at_once = 1;
    bool over = false;  // behind the events
    bool welcome = true;
    int takes = 0;
    bool alive = false;
    bool throws = false;
    std::function<void()> wake;
  };
  explicit FakeStream(std::shared_ptr<Told> told) : told_(std::move(told)) {}
  ~FakeStream() override { told_->alive = false; }
  void begin(std::function<void()> wake) override {
    told_->alive = true;
    told_->wake = std::move(wake);
  }
  Next take(EventSink& sink) override {
    ++told_->takes;
    if (told_->throws) throw std::runtime_error("on purpose");
    for (size_t i = 0; i < told_->events_at_once && !told_->events.empty(); ++i) {
      sink.event("id-" + std::to_string(++number_), "position", told_->events.front());
      told_->events.pop_front();
    }
    if (!told_->events.empty()) return Next::more;
    return told_->over ? Next::over : Next::waits;
  }
  bool welcome() override { return told_->welcome; }

 private:
  const std::shared_ptr<Told> told_;  // shared: the test looks at it when the stream is gone
  int number_ = 0;
};

}  // namespace waybill::serve
