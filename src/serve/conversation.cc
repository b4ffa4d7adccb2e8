#include "serve/conversation.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "serve/problem.h"

namespace waybill::serve {
namespace {

constexpr std::string_view not_durable =
    "the server cannot make anything durable at the moment; it may or may not have kept this";

}  // namespace

Reply run_handler(const Route& route, const Request& request) {
  try {
    return route.handler(request);
  } catch (const std::exception& exception) {
    log::error("a handler failed", {{"route", route.pattern}, {"why", exception.what()}});
    return reply_of(Problem{.status = 500, .detail = "the server's log says more"});
  }
}

Conversation::Conversation(const Router& router, const ConversationLimits& limits, Surroundings& surroundings)
    : router_(router),
      limits_(limits),
      surroundings_(surroundings),
      parser_(limits.parser),
      phase_began_(surroundings.now()),
      request_began_(phase_began_) {}

// ---- input

bool Conversation::wants_input() const {
  if (viewer_) return !sending_ && !closing_ && !cut_ && !peer_finished_;  // only to hear that it leaves
  return may_process() && !peer_finished_ && parser_.state() != RequestParser::State::whole;
}

std::span<char> Conversation::room() {
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
  if (input_begin_ > 0) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= std::exchange(input_begin_, 0);
  }
  if (viewer_) {
    input_.resize(viewer_room_bytes);
    input_.shrink_to_fit();
    return input_;
  }
  // A body that comes in whole rooms gets larger ones; a resting conversation keeps little.
  const bool long_body = parser_.body_bytes() >= room_bytes_min;
  if (input_end_ == 0 && !long_body && input_.size() > room_bytes_min) {
    input_.resize(room_bytes_min);
    input_.shrink_to_fit();
  } else if (input_.size() - input_end_ < room_bytes_min / 4 || (long_body && input_.size() < room_bytes_max)) {
    input_.resize(std::clamp(input_.size() * 2, room_bytes_min, room_bytes_max));
  }
  CHECK(input_end_ < input_.size(), "step() refuses what does not fit into the largest room");
  return std::span(input_).subspan(input_end_);
}

void Conversation::received(size_t bytes) {
  input_end_ += bytes;
  if (viewer_)
    hear();
  else
    process();
}

void Conversation::peer_finished() {
  peer_finished_ = true;
  if (!viewer_) return;
  viewer_->end(Ending::left);
  tell();
}

bool Conversation::may_process() const {
  return !viewer_ && !sending_ && busy_ == Busy::no && !closing_ && !cut_ && written_.size() < pipeline_max &&
         output_.size() < output_bytes_max;
}

void Conversation::process() {
  while (may_process() && step()) {
  }
}

bool Conversation::step() {
  using State = RequestParser::State;
  if (parser_.state() == State::whole) return dispatch();
  if (parser_.state() == State::body && admitted_) tell_continue();
  if (input_begin_ == input_end_) return false;

  if (parser_.state() == State::nothing) {
    request_began_ = surroundings_.now();
    continue_told_ = false;
  }
  const size_t taken = parser_.feed(std::string_view(input_).substr(input_begin_, input_end_ - input_begin_));
  input_begin_ += taken;
  switch (parser_.state()) {
    case State::bad: finish_badly(parser_.refusal()); return false;
    case State::nothing: return false;
    case State::head:
    case State::body:
      if (!account_body()) return false;
      if (parser_.state() == State::body) {
        if (!admitted()) return false;
        tell_continue();
      }
      if (input_end_ - input_begin_ >= room_bytes_max)
        finish_badly({.status = 431,
                      .detail = "a line of the request is too long",
                      .field = parser_.state() == State::head ? "head" : "body",
                      .expected = "lines of less than " + std::to_string(room_bytes_max) + " bytes"});
      return false;
    case State::whole: return account_body() && dispatch();
  }
  return false;
}

void Conversation::tell_continue() {
  // Behind a held reply it waits for that reply to go first.
  if (!parser_.expects_continue() || continue_told_ || held_ > 0 || parser_.body_bytes() > 0) return;
  continue_told_ = true;
  output_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

bool Conversation::account_body() {
  const size_t bytes = parser_.body_bytes();
  if (bytes <= body_bytes_taken_ + RequestParser::body_keep_bytes) return true;
  const size_t more = bytes - body_bytes_taken_;
  if (!surroundings_.take_body_bytes(more)) {
    finish_badly({.status = 503, .detail = "too many large requests at once"});
    return false;
  }
  body_bytes_taken_ += more;
  return true;
}

// ---- requests

bool Conversation::for_pool(const Route& route) const {
  switch (route.where) {
    case Where::loop: return false;
    case Where::pool: return true;
    case Where::by_body:
      return parser_.body_bytes() > limits_.inline_body_bytes_max ||
             !parser_.request().header("Content-Encoding").empty();
  }
  return false;
}

// As soon as the head is there: nobody sends a body for nothing, and nobody makes us take one that is not welcome.
bool Conversation::admitted() {
  if (admitted_) return true;
  Request& request = parser_.request();
  const Router::Found found = router_.find(request.method, request.path, request.query, request.params);
  if (!found.route) return true;  // dispatch() says so
  request.address = surroundings_.address();
  if (auto refused = surroundings_.door().admit(*found.route, request)) {
    finish_for_good(found.route, std::move(*refused));
    return false;
  }
  admitted_ = true;
  return true;
}

bool Conversation::dispatch() {
  Request& request = parser_.request();
  Router::Found found = router_.find(request.method, request.path, request.query, request.params);
  if (!found.route && request.method == Method::options && !found.allow.empty()) {
    finish(nullptr, surroundings_.door().preflight(request, found.allow));
    return true;
  }
  if (!found.route) {
    if (found.allow.empty()) {
      finish(nullptr, reply_of(Problem{.status = 404,
                                       .detail = "there is no such path",
                                       .field = "path",
                                       .expected = "a path of this API, as /v1/orders"}));
    } else {
      Reply reply = reply_of(Problem{.status = 405,
                                     .detail = "this path answers " + found.allow,
                                     .field = "method",
                                     .expected = "one of " + found.allow});
      reply.headers.emplace_back("Allow", std::move(found.allow));
      finish(nullptr, reply);
    }
    return true;
  }
  const Route& route = *found.route;
  if (!admitted_) {
    request.address = surroundings_.address();
    if (auto refused = surroundings_.door().admit(route, request)) {
      finish(&route, std::move(*refused));
      return true;
    }
    admitted_ = true;
  }
  const bool pooled = for_pool(route);
  if ((pooled || route.needs == Needs::visible) && !output_.empty()) return false;  // what came before goes first

  route_ = &route;
  if (route.needs == Needs::visible) {
    uint64_t wanted = surroundings_.durable_end();
    if (route.wait_for) {
      auto also = route.wait_for(request);
      if (!also) {
        finish(route_, also.error());
        return true;
      }
      wanted = std::max(wanted, *also);
    }
    if (surroundings_.visible() < wanted) {
      busy_ = Busy::waits_visible;
      phase_began_ = surroundings_.now();
      surroundings_.wait_visible(wanted);
      return false;
    }
  }
  run();
  return busy_ == Busy::no;
}

void Conversation::run() {
  if (!for_pool(*route_)) {
    finish(route_, run_handler(*route_, parser_.request()));
    return;
  }
  busy_ = Busy::in_pool;
  if (surroundings_.run_in_pool(*route_)) return;
  busy_ = Busy::no;
  finish(route_, reply_of(Problem{.status = 503, .detail = "too many long requests at once"}));
}

void Conversation::became_visible() {
  if (busy_ != Busy::waits_visible) return;
  busy_ = Busy::no;
  run();
  process();
}

void Conversation::answered(Reply reply) {
  CHECK(busy_ == Busy::in_pool, "an answer comes to the request that runs");
  busy_ = Busy::no;
  finish(route_, std::move(reply));
  process();
}

// ---- replies

void Conversation::finish(const Route* route, Reply reply) {
  const Request& request = parser_.request();
  const bool upgrade = reply.stream && !parser_.old() && asks_for_websocket(request);
  if (upgrade)
    if (auto refused = bad_handshake(request)) reply = std::move(*refused);
  surroundings_.door().dress(request, reply);
  Written written{.begin = output_.size(), .route = route, .began = request_began_, .status = reply.status};
  const bool watched = reply.stream && request.method != Method::head;
  if (draining_ || watched || !parser_.keep_alive())
    written.after = After::closes;
  else if (parser_.old())
    written.after = After::stays_open_told;
  if (request.method == Method::head) written.with_body = WithBody::no;
  written.held = reply.after && *reply.after > surroundings_.durable_end();

  if (watched && upgrade) {
    written.status = 101;
    watch_by_websocket(reply);
  } else {
    if (reply.stream) dress_stream(reply);
    write_reply(output_, reply, surroundings_.date(), written.after, written.with_body);
    if (watched) watch_by_events(reply);
  }
  written.end = output_.size();
  closing_ = written.after == After::closes && !watched;
  if (written.held) {
    if (held_++ == 0) surroundings_.hold();
  } else {
    surroundings_.count(route, written.status, request_began_);
  }
  written_.push_back(written);

  parser_.next();
  admitted_ = false;
  surroundings_.give_body_bytes(std::exchange(body_bytes_taken_, 0));
  if (viewer_ && held_ == 0) begin_viewing();
}

void Conversation::finish_badly(const Problem& problem) { finish_for_good(nullptr, reply_of(problem)); }

void Conversation::finish_for_good(const Route* route, Reply reply) {
  surroundings_.door().dress(parser_.request(), reply);
  write_reply(output_, reply, surroundings_.date(), After::closes, WithBody::yes);
  const size_t begin = written_.empty() ? 0 : written_.back().end;
  written_.push_back({.begin = begin, .end = output_.size(), .began = request_began_, .status = reply.status});
  closing_ = true;
  surroundings_.count(route, reply.status, request_began_);
  surroundings_.give_body_bytes(std::exchange(body_bytes_taken_, 0));
}

void Conversation::refuse(int status, std::string_view detail) {
  finish_badly({.status = status, .detail = std::string(detail)});
}

void Conversation::committed(Committed committed) {
  if (committed == Committed::no) forget_held();
  const bool viewer_waits = viewer_ && !viewer_->begun();
  for (Written& written : written_) {
    if (std::exchange(written.held, false)) surroundings_.count(written.route, written.status, written.began);
  }
  held_ = 0;
  if (viewer_waits && viewer_) begin_viewing();
}

void Conversation::forget_held() {
  const std::string before = std::exchange(output_, {});
  const Reply instead = reply_of(Problem{.status = 503, .detail = std::string(not_durable)});
  for (Written& written : written_) {
    const size_t begin = output_.size();
    if (written.held) {
      write_reply(output_, instead, surroundings_.date(), written.after, written.with_body);
      written.status = instead.status;
    } else {
      output_.append(before, written.begin, written.end - written.begin);
    }
    written.begin = begin;
    written.end = output_.size();
  }
  if (!viewer_ || !written_.back().held) return;
  viewer_.reset();  // its reply is a 503 now
  closing_ = true;
}

// ---- streams

void Conversation::dress_stream(Reply& reply) const {
  reply.content_type = "text/event-stream";
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy that would collect the events is not to
  if (!parser_.old()) reply.headers.emplace_back("Transfer-Encoding", "chunked");
}

void Conversation::watch_by_events(const Reply& reply) {
  // Those who lost their server at one moment do not come back in one moment.
  const auto usual = static_cast<uint64_t>(limits_.retry_ms.count());
  const std::chrono::milliseconds retry(usual / 2 + surroundings_.random() % (usual + 1));
  watch(reply, make_sse(parser_.old() ? Framing::to_the_end : Framing::chunked, retry), Transport::sse);
}

void Conversation::watch_by_websocket(Reply& reply) {
  reply.headers.emplace_back("Date", surroundings_.date());
  auto teller = surroundings_.websockets().accept(parser_.request(), std::move(reply.headers));
  teller->flush(output_);  // its own reply
  watch(reply, std::move(teller), Transport::websocket);
}

void Conversation::watch(const Reply& reply, std::unique_ptr<Teller> teller, Transport transport) {
  viewer_ = std::make_unique<Viewer>(reply.stream, std::move(teller), surroundings_.door().pass(parser_.request()),
                                     surroundings_.live_meter(transport));
}

// What came behind the request is the viewer's word, no request.
void Conversation::begin_viewing() {
  viewer_->begin(surroundings_.waker(), surroundings_.now());
  if (draining_) viewer_->end(Ending::drained);
  hear();
  parser_.rest();
}

void Conversation::hear() {
  viewer_->hear(std::string_view(input_).substr(input_begin_, input_end_ - input_begin_));
  input_begin_ = input_end_ = 0;
  tell();
}

void Conversation::woken() {
  if (!viewer_) return;
  viewer_->woken();
  tell();
}

void Conversation::tell() {
  if (!viewer_->begun()) return;
  closing_ = viewer_->ended();
  if (sending_) return;  // sent() comes back to it
  if (output_.size() < Stream::take_bytes_max) viewer_->take();
  viewer_->flush(output_);
  closing_ = viewer_->ended();
}

// ---- output

bool Conversation::has_output() const { return !sending_ && held_ == 0 && !output_.empty(); }

const std::string& Conversation::take_output() {
  sending_ = true;
  return output_;
}

void Conversation::progressed() { phase_began_ = surroundings_.now(); }

void Conversation::sent() {
  sending_ = false;
  if (output_.capacity() > (viewer_ ? viewer_keep_bytes : output_keep_bytes))
    output_ = {};
  else
    output_.clear();
  written_.clear();
  phase_began_ = surroundings_.now();
  if (viewer_)
    viewer_->flush(output_);
  else
    process();
}

// ---- time and the end

bool Conversation::resting() const {
  return parser_.state() == RequestParser::State::nothing && busy_ == Busy::no && output_.empty() && !sending_;
}

void Conversation::sweep() {
  if (cut_) return;
  const Moment now = surroundings_.now();
  const auto phase = now - phase_began_;
  if (viewer_ && viewer_->begun()) {
    viewer_->look(now, sending_ ? now : phase_began_, limits_.heartbeat_ms);
    tell();
    if (sending_ && phase > limits_.write_ms_max) cut_slow();
  } else if (sending_) {
    cut_ = phase > limits_.write_ms_max;
  } else if (busy_ == Busy::waits_visible) {
    if (phase <= limits_.read_wait_ms_max) return;
    surroundings_.forget_wait();
    busy_ = Busy::no;
    if (route_->patient)
      run();
    else
      finish(route_, reply_of(Problem{.status = 503, .detail = "the store is behind what was accepted"}));
    process();
  } else if (busy_ == Busy::in_pool || held_ > 0 || closing_) {
    return;
  } else if (resting()) {
    cut_ = phase > limits_.idle_ms_max;
  } else if (now - request_began_ > limits_.request_ms_max) {
    finish_badly({.status = 408,
                  .detail = "the request did not come to its end in time",
                  .field = parser_.state() == RequestParser::State::head ? "head" : "body",
                  .expected = "the whole request within " + std::to_string(limits_.request_ms_max.count()) + " ms"});
  }
}

void Conversation::cut_slow() {
  cut_ = true;
  if (viewer_) viewer_->end(Ending::slow);
}

void Conversation::drain() {
  draining_ = true;
  if (viewer_ && viewer_->begun()) {
    viewer_->end(Ending::drained);
    tell();
  } else if (resting()) {
    closing_ = true;
  }
}

void Conversation::abandon() {
  viewer_.reset();
  surroundings_.forget_wait();
  surroundings_.give_body_bytes(std::exchange(body_bytes_taken_, 0));
}

bool Conversation::over() const {
  if (cut_) return true;
  if (!output_.empty() || sending_ || busy_ != Busy::no) return false;
  return closing_ || (peer_finished_ && parser_.state() != RequestParser::State::whole);
}

}  // namespace waybill::serve
