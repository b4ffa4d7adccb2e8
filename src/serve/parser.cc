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

RequestParser::Refusal refusal_of(const ErrorCode& error) {
  if (error == http::error::header_limit) return {431, "the head of the request is too large"};
  if (error == http::error::body_limit) return {413, "the body of the request is too large"};
  if (error == http::error::bad_version) return {505, "HTTP/1.1 and HTTP/1.0 are spoken here"};
  if (error == http::error::bad_transfer_encoding) return {501, "of transfer encodings only chunked is known here"};
  if (error == http::error::bad_method) return {400, "the request line has no valid method"};
  if (error == http::error::bad_target) return {400, "the request line has no valid target"};
  if (error == http::error::bad_field) return {400, "the head has a bad field, or not one Host"};
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length)
    return {400, "the Content-Length makes no sense"};
  return {400, "this is not HTTP"};
}

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
    if (owner.text_.size() + name.size() + value.size() > owner.limits_.header_bytes_max) {
      error = http::error::header_limit;
      return;
    }
    // A coding that the library does not undo would leave the body's end to guesswork.
    if (field == http::field::transfer_encoding && !boost::beast::iequals(value, "chunked")) {
      error = http::error::bad_transfer_encoding;
      return;
    }
    if (field == http::field::host) ++hosts;
    if (field == http::field::expect && boost::beast::iequals(value, "100-continue")) expects_continue = true;
    const Place name_place = put_text(name);
    owner.fields_.push_back({name_place, put_text(value)});
  }
  void on_header_impl(ErrorCode& error) override {
    if (old ? hosts > 1 : hosts != 1)
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
  int hosts = 0;
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
  ErrorCode error;
  const size_t taken = beast_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error && error != http::error::need_more) {
    refusal_ = refusal_of(error);
    state_ = State::bad;
  } else if (beast_->is_done()) {
    request_.body = body_;
    state_ = State::whole;
  }
  return skipped + taken;
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
  if (const size_t scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
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

}  // namespace waybill::serve
