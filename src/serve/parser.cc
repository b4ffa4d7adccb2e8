#include "serve/parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

#include "base/check.h"

namespace waybill::serve {

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;
using BeastText = boost::beast::string_view;

namespace {

constexpr size_t body_reserve_bytes_max = 1 << 20;  // memory is not promised to a body that has only been announced

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get: return Method::get;
    case http::verb::head: return Method::head;
    case http::verb::post: return Method::post;
    case http::verb::put: return Method::put;
    case http::verb::patch: return Method::patch;
    case http::verb::delete_: return Method::remove;
    case http::verb::options: return Method::options;
    default: return Method::other;
  }
}

Problem head_too_large(const ParserLimits& limits) {
  return {.status = 431,
          .detail = "the head of the request is too large",
          .field = "head",
          .expected = "at most " + std::to_string(limits.header_bytes_max) + " bytes and " +
                      std::to_string(limits.header_fields_max) + " fields"};
}

Problem bad_lines() {
  return {.status = 400,
          .detail = "the head has a line that other readers may understand otherwise",
          .field = "head",
          .expected = "lines that end with CR LF and are not folded"};
}

Problem refusal_of(const ErrorCode& code, const ParserLimits& limits) {
  using http::error;
  switch (static_cast<http::error>(code.value())) {
    case error::header_limit: return head_too_large(limits);
    case error::body_limit:
      return {.status = 413,
              .detail = "the body of the request is too large",
              .field = "body",
              .expected = "at most " + std::to_string(limits.body_bytes_max) + " bytes"};
    case error::bad_version:
      return {.status = 505,
              .detail = "this version of HTTP is not spoken here",
              .field = "version",
              .expected = "HTTP/1.1 or HTTP/1.0"};
    case error::bad_transfer_encoding:
      return {.detail = "the end of the body cannot be known for sure",
              .field = "Transfer-Encoding",
              .expected = "once, chunked, in HTTP/1.1, and no Content-Length beside it"};
    case error::bad_content_length:
    case error::multiple_content_length:
      return {.detail = "the end of the body cannot be known for sure",
              .field = "Content-Length",
              .expected = "once, a whole number, and no Transfer-Encoding beside it"};
    case error::bad_method:
      return {.detail = "the request line has no valid method", .field = "method", .expected = "a token, as GET"};
    case error::bad_target:
      return {.detail = "the request line has no valid target", .field = "target", .expected = "a path, as /v1/orders"};
    case error::bad_field:
    case error::bad_value:
      return {.detail = "the head has a bad field", .field = "head", .expected = "lines of the form Name: value"};
    case error::bad_line_ending: return bad_lines();
    case error::bad_chunk:
    case error::bad_chunk_extension:
      return {.detail = "the body has a bad chunk",
              .field = "body",
              .expected = "chunks of the form SIZE CR LF bytes CR LF, the last of size 0"};
    default: return {.detail = "this is not HTTP", .field = "head", .expected = "a request of HTTP/1.1"};
  }
}

constexpr std::string_view digits = "0123456789";

}  // namespace

// The library's parser; it calls back with each piece, which is put where the owner keeps it.
struct RequestParser::Beast final : http::basic_parser<true> {
  explicit Beast(RequestParser& whose) : owner(whose) {
    eager(true);
    header_limit(static_cast<uint32_t>(owner.limits_.header_bytes_max));
    body_limit(owner.limits_.body_bytes_max);
  }

  Place put_text(BeastText text) {
    const size_t begin = owner.text_.size();
    owner.text_.append(text.data(), text.size());
    return {begin, owner.text_.size()};
  }
  void on_request_impl(http::verb verb, BeastText, BeastText target, int version, ErrorCode&) override {
    owner.request_.method = method_of(verb);
    owner.target_ = put_text(target);
    old = version < 11;
  }
  void on_response_impl(int, BeastText, int, ErrorCode&) override {}
  void on_field_impl(http::field field, BeastText name, BeastText value, ErrorCode& error) override {
    if (owner.state_ == State::body) return;  // trailers say nothing to us
    // The library limits only what it has not yet taken.
    if (owner.text_.size() + name.size() + value.size() > owner.limits_.header_bytes_max ||
        owner.fields_.size() == owner.limits_.header_fields_max) {
      error = http::error::header_limit;
      return;
    }
    // A coding that the library does not undo would leave the body's end to guesswork; HTTP/1.0 knows none.
    if (field == http::field::transfer_encoding) {
      foreign_coding = !old && !boost::beast::iequals(value, "chunked");
      if (old || foreign_coding) error = http::error::bad_transfer_encoding;
    }
    // The library would take "5, 5" and a second one that says the same.
    if (field == http::field::content_length &&
        (++lengths > 1 ||
         std::string_view(value.data(), value.size()).find_first_not_of(digits) != std::string_view::npos))
      error = http::error::bad_content_length;
    if (error) return;
    if (field == http::field::host) ++hosts;
    if (field == http::field::expect && boost::beast::iequals(value, "100-continue")) expects_continue = true;
    const Place name_place = put_text(name);
    owner.fields_.push_back({name_place, put_text(value)});
  }
  void on_header_impl(ErrorCode& error) override {
    bad_host = old ? hosts > 1 : hosts != 1;
    if (bad_host)
      error = http::error::bad_field;
    else
      owner.head_is_whole();
  }
  void on_body_init_impl(const boost::optional<uint64_t>& length, ErrorCode&) override {
    if (length) owner.body_.reserve(static_cast<size_t>(std::min<uint64_t>(*length, body_reserve_bytes_max)));
  }
  size_t on_body_impl(BeastText bytes, ErrorCode&) override {
    owner.body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t, BeastText, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, BeastText bytes, ErrorCode&) override {
    owner.body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_finish_impl(ErrorCode&) override {}

  RequestParser& owner;
  // What is wrong with the head, where the library's error would not say it.
  Problem refusal(const ErrorCode& error) const {
    if (foreign_coding)
      return {.status = 501,
              .detail = "this transfer encoding is not known here",
              .field = "Transfer-Encoding",
              .expected = "chunked"};
    if (bad_host)
      return {.detail = "it is not said whom the request is for",
              .field = "Host",
              .expected = old ? "at most once" : "exactly once"};
    return refusal_of(error, owner.limits_);
  }

  int hosts = 0;
  int lengths = 0;
  bool foreign_coding = false;
  bool bad_host = false;
  bool old = false;
  bool expects_continue = false;
};

RequestParser::RequestParser(ParserLimits limits) : limits_(limits), beast_(std::make_unique<Beast>(*this)) {}

RequestParser::~RequestParser() = default;

size_t RequestParser::feed(std::string_view bytes) {
  CHECK(state_ != State::whole && state_ != State::bad, "a request is taken before the next one is parsed");
  // Empty lines before a request are skipped (RFC 9112, 2.2).
  size_t skipped = 0;
  if (state_ == State::nothing)
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) ++skipped;
  bytes.remove_prefix(skipped);
  if (bytes.empty()) return skipped;

  if (state_ == State::nothing) state_ = State::head;
  const bool in_head = state_ == State::head;
  ErrorCode error;
  const size_t taken = beast_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error && error != http::error::need_more) {
    refusal_ = beast_->refusal(error);
    state_ = State::bad;
  } else if (in_head && !lines_are_strict(bytes.substr(0, taken))) {
    refusal_ = bad_lines();
    state_ = State::bad;
  } else if (beast_->is_done()) {
    request_.body = body_;
    state_ = State::whole;
  }
  return skipped + taken;
}

// The library joins folded lines, which not every server in front of this one does. Looks at what was taken, up to the head's
// end; the library takes a line only when it has seen what follows it.
bool RequestParser::lines_are_strict(std::string_view taken) {
  for (size_t i = 0; i < taken.size(); before_ = taken[i++]) {
    if (before_ == '\n' && (taken[i] == ' ' || taken[i] == '\t')) return false;
    if ((taken[i] == '\n') != (before_ == '\r')) return false;
    if (taken[i] == '\r' && before_ == '\n') return true;
  }
  return true;
}

void RequestParser::head_is_whole() {
  const std::string_view text = text_;
  const auto view = [text](Place place) { return text.substr(place.begin, place.end - place.begin); };
  headers_.clear();
  for (const FieldPlace& field : fields_) headers_.push_back({view(field.name), view(field.value)});
  request_.headers = headers_;

  std::string_view target = view(target_);
  target = target.substr(0, target.find('#'));
  // A proxy's form, "http://host/path": the host says nothing to us.
  for (const BeastText scheme : {"http://", "https://"}) {
    if (!boost::beast::iequals(BeastText(target.data(), std::min(target.size(), scheme.size())), scheme)) continue;
    const size_t slash = target.find_first_of("/?", scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    break;
  }
  const size_t question = target.find('?');
  request_.path = target.substr(0, question);
  request_.query = question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  state_ = State::body;
}

bool RequestParser::keep_alive() const { return beast_->keep_alive(); }
bool RequestParser::old() const { return beast_->old; }
bool RequestParser::expects_continue() const { return beast_->expects_continue; }

void RequestParser::next() {
  std::destroy_at(beast_.get());
  std::construct_at(beast_.get(), *this);
  state_ = State::nothing;
  before_ = 0;
  text_.clear();
  fields_.clear();
  headers_.clear();
  if (body_.capacity() > body_keep_bytes)
    body_ = {};
  else
    body_.clear();
  request_.method = Method::other;
  request_.path = request_.query = request_.body = {};
  request_.headers = {};
  request_.params.clear();
  request_.address = {};
  request_.who.reset();
}

void RequestParser::rest() {
  next();
  beast_.reset();
  text_ = body_ = {};
  fields_ = {};
  headers_ = {};
  request_ = {};
}

}  // namespace waybill::serve
