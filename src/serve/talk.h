// serve/talk.h — a conversation without sockets and threads, for tests: what it asks of its loop is done at once or when told.
#pragma once

#include <algorithm>

#include "base/check.h"
#include "serve/conversation.h"
#include "serve/talk_partners.h"

namespace waybill::serve {

class Talk final : public Surroundings {
 public:
  explicit Talk(ConversationLimits talk_limits = {})
      : limits(talk_limits), router(routes()), conversation(router, limits, *this) {}

  Moment now() const override { return time; }
  std::string_view date() const override { return "Thu, 15 Jan 2026 09:00:00 GMT"; }
  uint64_t durable_end() const override { return durable; }
  uint64_t visible() const override { return seen; }
  void hold() override { held = true; }
  void wait_visible(uint64_t offset) override { waits_for = offset; }
  void forget_wait() override { waits_for = 0; }
  bool run_in_pool(const Route& route) override {
    pooled = &route;
    return true;
  }
  bool take_body_bytes(size_t bytes) override {
    if (body_bytes + bytes > body_bytes_max) return false;
    body_bytes += bytes;
    return true;
  }
  void give_body_bytes(size_t bytes) override {
    CHECK(bytes <= body_bytes, "no more is given back than was taken");
    body_bytes -= bytes;
  }
  void count(const Route*, int status, Moment) override { counted.push_back(status); }
  Door& door() override { return the_door; }
  std::string_view address() const override { return "192.0.2.1"; }
  std::function<void()> waker() override {
    return [this] { wakes = true; };
  }
  const LiveMeter& live_meter(Transport transport) override {
    return transport == Transport::sse ? sse_meter : websocket_meter;
  }
  WebSockets& websockets() override { return web_sockets; }
  uint64_t random() override { return 500; }

  // As many bytes as are wanted now; how many that was.
  size_t offer(std::string_view bytes) {
    if (!conversation.wants_input()) return 0;
    const std::span<char> room = conversation.room();
    const size_t taken = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), taken, room.begin());
    conversation.received(taken);
    return taken;
  }
  // One thing that the loop owes it; false: nothing.
  bool serve_one() {
    if (pooled) {
      const Route* const route = std::exchange(pooled, nullptr);
      conversation.answered(run_handler(*route, conversation.request()));
    } else if (std::exchange(wakes, false)) {
      conversation.woken();
    } else if (waits_for > 0) {
      seen = std::max(seen, std::exchange(waits_for, 0));
      conversation.became_visible();
    } else if (std::exchange(held, false)) {
      durable = appended;
      conversation.committed(Committed::yes);
    } else if (conversation.has_output()) {
      const std::string& output = conversation.take_output();
      CHECK(output.size() <= Conversation::output_bytes_max + reply_bytes_max, "what waits to be sent is bounded");
      said += output;
      conversation.sent();
    } else {
      return false;
    }
    return true;
  }
  void serve_all() {
    while (serve_one()) {
    }
  }
  // Everything, as one that has all of it at once would send it, and all answers.
  std::string say(std::string_view bytes) {
    while (true) {
      const size_t taken = offer(bytes);
      bytes.remove_prefix(taken);
      serve_all();
      if (bytes.empty() || (taken == 0 && !conversation.wants_input())) return std::exchange(said, {});
    }
  }

  TestDoor the_door;
  Moment time{};
  uint64_t durable = 1, appended = 1, seen = 1;
  uint64_t waits_for = 0;
  bool held = false, wakes = false;
  const Route* pooled = nullptr;
  size_t body_bytes = 0;
  size_t body_bytes_max = 1 << 30;
  WebSockets web_sockets;
  std::unique_ptr<Metrics> metrics = make_metrics();
  const LiveMeter sse_meter{*metrics, Transport::sse};
  const LiveMeter websocket_meter{*metrics, Transport::websocket};
  std::vector<int> counted;
  std::vector<Asked> asked;
  std::shared_ptr<FakeStream::Told> live = std::make_shared<FakeStream::Told>();
  std::string said;
  const ConversationLimits limits;
  const Router router;
  Conversation conversation;

 private:
  std::vector<Route> routes() {
    const auto note = [this](const Request& request) {
      asked.push_back({request.method, std::string(request.path), std::string(request.body)});
      return Reply{.status = 200, .body = {}, .headers = {{"Number", std::to_string(asked.size())}}, .after = {}};
    };
    const auto append = [this, note](const Request& request) {
      Reply reply = note(request);
      reply.after = ++appended;
      return reply;
    };
    const auto stream = [this, note](const Request& request) {
      Reply reply = note(request);
      reply.stream = std::make_shared<FakeStream>(live);
      return reply;
    };
    const auto held_stream = [this, stream](const Request& request) {
      Reply reply = stream(request);
      reply.after = ++appended;
      return reply;
    };
    return {
        {.method = Method::get, .pattern = "/plain", .handler = note},
        {.method = Method::post, .pattern = "/held", .handler = append, .where = Where::by_body},
        {.method = Method::get, .pattern = "/seen", .handler = note, .needs = Needs::visible},
        {.method = Method::post, .pattern = "/pooled", .handler = append, .where = Where::pool},
        {.method = Method::post, .pattern = "/shut", .handler = append},
        {.method = Method::get, .pattern = "/of/{id}", .handler = note},
        {.method = Method::get, .pattern = "/live", .handler = stream},
        {.method = Method::get, .pattern = "/live/seen", .handler = stream, .needs = Needs::visible, .patient = true},
        {.method = Method::get, .pattern = "/live/held", .handler = held_stream, .where = Where::pool}};
  }
};

}  // namespace waybill::serve
