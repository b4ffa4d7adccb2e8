// serve/conversation.h — one connection's talk, without its socket: bytes in, requests to their handlers, replies out in order.
//
// Order:    replies leave in the order of their requests. Writes that come together share one commit; a read waits until
//           every write before it on the same connection is answered.
// Delivery: a reply with `after` leaves only when the surroundings said committed(Committed::yes); on no it is a 503.
// Threads:  one at a time; only the handler of a pooled request runs elsewhere, and nothing else happens until answered().
// Failure:  what is not HTTP is answered once, then the connection ends.
// Limits:   pipeline_max replies and output_bytes_max bytes wait at most (then input rests), request_ms_max, idle_ms_max,
//           write_ms_max, read_wait_ms_max. Behind a stream nothing is answered; heard_bytes_max of what its viewer sends.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/parser.h"
#include "serve/reply_text.h"
#include "serve/router.h"
#include "serve/surroundings.h"
#include "serve/viewer.h"

namespace waybill::serve {

// Runs a handler; an exception that escapes it (memory) becomes a 500.
Reply run_handler(const Route& route, const Request& request);

enum class Committed : uint8_t { no, yes };

class Conversation {
 public:
  static constexpr size_t pipeline_max = 128;
  static constexpr size_t output_bytes_max = 256 << 10;
  static constexpr size_t output_keep_bytes = 16 << 10;  // of a resting conversation
  static constexpr size_t viewer_keep_bytes = 1 << 10;  // of output; there are many who watch
  static constexpr size_t viewer_room_bytes = 512;
  static constexpr size_t room_bytes_min = 4 << 10;
  static constexpr size_t room_bytes_max = 64 << 10;

  Conversation(const Router& router, const ConversationLimits& limits, Surroundings& surroundings);

  bool wants_input() const;
  std::span<char> room();  // where the next bytes go; at least one byte
  void received(size_t bytes);
  void peer_finished();  // it sends no more, but may still listen
  void refuse(int status, std::string_view detail);  // answers before anything was asked, then ends

  bool has_output() const;  // bytes that may leave now
  const std::string& take_output();  // they stay where they are until sent()
  void sent();
  void progressed();  // some of them left

  void committed(Committed committed);
  void became_visible();
  void answered(Reply reply);
  void woken();  // the stream asked for a turn
  const Request& request() const { return parser_.request(); }

  void sweep();  // looks at the time
  void cut_slow();  // it takes nothing, and others need the room
  void drain();  // takes no further request than the one it has
  void abandon();  // the connection is gone; nothing may be called after it but the destructor
  bool over() const;  // nothing more to read or to send
  bool cut() const { return cut_; }  // over without a word: the client does not take what it asked for, or asks nothing

 private:
  // With what the request in parser_ is. Output is empty then, and input rests.
  enum class Busy : uint8_t { no, waits_visible, in_pool };

  // A reply in output_, until it is sent.
  struct Written {
    size_t begin = 0;
    size_t end = 0;
    const Route* route = nullptr;
    Moment began;
    After after = After::stays_open;
    WithBody with_body = WithBody::yes;
    bool held = false;
    int status = 200;
  };

  void process();
  bool may_process() const;
  bool step();  // false: nothing more to do with the input that is there
  bool admitted();  // false: answered, and the conversation ends
  bool dispatch();
  void tell_continue();
  void run();
  bool for_pool(const Route& route) const;
  bool account_body();
  bool resting() const;  // nothing asked, nothing to answer
  void finish(const Route* route, Reply reply);
  void finish_badly(const Problem& problem);
  void finish_for_good(const Route* route, Reply reply);  // the rest of what comes is not read
  void forget_held();

  void dress_stream(Reply& reply) const;
  void watch_by_events(const Reply& reply);
  void watch_by_websocket(Reply& reply);
  void watch(const Reply& reply, std::unique_ptr<Teller> teller, Transport transport);
  void begin_viewing();
  void hear();
  void tell();

  const Router& router_;
  const ConversationLimits& limits_;
  Surroundings& surroundings_;
  RequestParser parser_;
  std::string input_;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  std::string output_;
  std::vector<Written> written_;
  std::unique_ptr<Viewer> viewer_;  // where a stream was asked for; its reply is the last
  size_t held_ = 0;
  size_t body_bytes_taken_ = 0;
  const Route* route_ = nullptr;  // of the request that waits or runs
  Busy busy_ = Busy::no;
  bool sending_ = false;
  bool closing_ = false;  // nothing is answered behind what is in output_
  bool peer_finished_ = false;
  bool draining_ = false;
  bool continue_told_ = false;
  bool admitted_ = false;  // the request in parser_
  bool cut_ = false;
  Moment phase_began_;  // of resting, of waiting for the store, or of the last byte that left
  Moment request_began_;  // its first byte
};

}  // namespace waybill::serve
