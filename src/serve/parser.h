// serve/parser.h — the bytes of a connection to one request after the other; Boost.Beast's HTTP/1.1 parser, fed by hand.
//
// Threads: one at a time.
// Failure: what is not HTTP, or is more than a limit, ends in State::bad with the problem to answer; nothing can be parsed
//          behind it. So does all that another reader of the same bytes might understand otherwise: two lengths, a folded
//          line, a bare LF.
// Limits:  header_bytes_max and header_fields_max (431), body_bytes_max (413).
// Memory:  head and body are kept from request to request, a body of more than body_keep_bytes is given back.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "serve/http.h"
#include "serve/problem.h"

namespace waybill::serve {

struct ParserLimits {
  size_t header_bytes_max = 16 << 10;
  size_t header_fields_max = 100;
  size_t body_bytes_max = 16 << 20;
};

class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();

  // nothing: not a byte yet. head: in the head. body: the head is whole. whole: request() may be used. bad: see refusal().
  enum class State : uint8_t { nothing, head, body, whole, bad };

  // Takes what it can and says how much; the rest is to be offered again, with more behind it. Not after whole or bad.
  size_t feed(std::string_view bytes);
  State state() const { return state_; }

  const Request& request() const { return request_; }
  Request& request() { return request_; }
  bool keep_alive() const;  // the client would go on
  bool old() const;  // HTTP/1.0
  bool expects_continue() const;  // waits for 100 before it sends the body
  size_t body_bytes() const { return body_.size(); }

  const Problem& refusal() const { return refusal_; }

  void next();  // forget this request, be ready for the next
  void rest();  // forget all; nothing is fed any more

  static constexpr size_t body_keep_bytes = 16 << 10;

 private:
  struct Beast;
  void head_is_whole();
  bool lines_are_strict(std::string_view taken);

  ParserLimits limits_;
  State state_ = State::nothing;
  Problem refusal_;
  char before_ = 0;  // the last byte of the head that was taken
  std::string text_;  // names, values and target, back to back
  struct Place {
    size_t begin = 0;
    size_t end = 0;
  };
  Place target_;
  struct FieldPlace {
    Place name;
    Place value;
  };
  std::vector<FieldPlace> fields_;
  std::vector<Header> headers_;
  std::string body_;
  Request request_;
  std::unique_ptr<Beast> beast_;
};

}  // namespace waybill::serve
