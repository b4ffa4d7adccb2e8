#include "app/bench/loop.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace waybill::app::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using BeastText = boost::beast::string_view;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;

constexpr size_t read_bytes = 64 << 10;
constexpr std::chrono::milliseconds look_for_stop_every{50};

// The library's parser, which keeps of an answer what we look at: its status and its body.
class AnswerParser final : public http::basic_parser<false> {
 public:
  AnswerParser(std::string& body, Caller* streams_to) : body_(body), streams_to_(streams_to) {
    eager(true);
    body_limit(boost::none);
    body_.clear();
  }
  int status() const { return status_; }

 private:
  void on_request_impl(http::verb, BeastText, BeastText, int, ErrorCode&) override {}
  void on_response_impl(int status, BeastText, int, ErrorCode&) override { status_ = status; }
  void on_field_impl(http::field, BeastText, BeastText, ErrorCode&) override {}
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
  size_t take(BeastText bytes) {
    if (streams_to_ != nullptr)
      streams_to_->streamed({bytes.data(), bytes.size()});
    else
      body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  size_t on_body_impl(BeastText bytes, ErrorCode&) override { return take(bytes); }
  void on_chunk_header_impl(uint64_t, BeastText, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, BeastText bytes, ErrorCode&) override { return take(bytes); }
  void on_finish_impl(ErrorCode&) override {}

  std::string& body_;
  Caller* streams_to_;
  int status_ = 0;
};

class TcpConnection final : public Connection {
 public:
  explicit TcpConnection(Socket socket) : socket_(std::move(socket)), read_(read_bytes) {}

  void ask(std::string_view request, Caller& caller) override { begin(request, caller, nullptr); }
  void stream(std::string_view request, Caller& caller) override { begin(request, caller, &caller); }

 private:
  void begin(std::string_view request, Caller& caller, Caller* streams_to) {
    caller_ = &caller;
    parser_.emplace(body_, streams_to);
    used_ = 0;
    ErrorCode error;
    const size_t sent = socket_.write_some(asio::buffer(request), error);
    if (error == asio::error::would_block) error = {};
    if (error) return asio::post(socket_.get_executor(), [this, error] { breaks("send", error); });
    request.remove_prefix(sent);
    if (!request.empty())
      return asio::async_write(socket_, asio::buffer(request), [this](const ErrorCode& failed, size_t) {
        if (failed == asio::error::operation_aborted) return;
        failed ? breaks("send", failed) : receive();
      });
    receive();
  }

  void receive() {
    socket_.async_receive(asio::buffer(read_.data() + used_, read_.size() - used_),
                          [this](const ErrorCode& error, size_t bytes) {
                            if (error == asio::error::operation_aborted) return;
                            error ? breaks("receive", error) : received(bytes);
                          });
  }

  void received(size_t bytes) {
    used_ += bytes;
    size_t taken = 0;
    ErrorCode error;
    while (taken < used_ && !parser_->is_done() && !error)
      taken += parser_->put(asio::buffer(read_.data() + taken, used_ - taken), error);
    if (error && error != http::error::need_more) return breaks("the answer is not HTTP", error);
    std::copy(read_.begin() + static_cast<ptrdiff_t>(taken), read_.begin() + static_cast<ptrdiff_t>(used_),
              read_.begin());
    used_ -= taken;
    if (parser_->is_done()) return caller_->answered({.status = parser_->status(), .body = body_});
    if (used_ == read_.size()) return breaks("receive", http::make_error_code(http::error::header_limit));
    receive();
  }

  void breaks(const std::string& doing, const ErrorCode& error) { caller_->broken(doing + ": " + error.message()); }

  Socket socket_;
  std::vector<char> read_;
  size_t used_ = 0;  // bytes of read_ that the parser has not taken
  std::string body_;
  std::optional<AnswerParser> parser_;
  Caller* caller_ = nullptr;
};

class AsioLoop final : public Loop {
 public:
  explicit AsioLoop(Target target) : target_(std::move(target)), look_for_stop_(io_) {}

  Result<std::unique_ptr<Connection>> connect() override {
    const std::string doing = "connect to " + target_.host + " port " + target_.port + ": ";
    ErrorCode error;
    if (ends_.empty()) {
      tcp::resolver resolver(io_);
      const auto found = resolver.resolve(target_.host, target_.port, error);
      if (error) return fail(Code::unavailable, doing + error.message());
      for (const auto& entry : found) ends_.push_back(entry.endpoint());
    }
    Socket socket(io_.get_executor());
    asio::connect(socket, ends_, error);
    if (!error) socket.set_option(tcp::no_delay(true), error);
    if (!error) socket.non_blocking(true, error);
    if (error) return fail(Code::unavailable, doing + error.message());
    return std::make_unique<TcpConnection>(std::move(socket));
  }

  void after(Duration wait, std::function<void()> call) override {
    auto timer = std::make_unique<Timer>(io_, wait);
    timer->async_wait([kept = std::move(timer), call = std::move(call)](const ErrorCode& error) {
      if (!error) call();
    });
  }

  void run(std::stop_token stop) override {
    stop_ = std::move(stop);
    keep_looking_for_stop();
    io_.run();
  }

  void end() override { io_.stop(); }

 private:
  using Timer =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

  void keep_looking_for_stop() {
    if (stop_.stop_requested()) return io_.stop();
    look_for_stop_.expires_after(look_for_stop_every);
    look_for_stop_.async_wait([this](const ErrorCode& error) {
      if (!error) keep_looking_for_stop();
    });
  }

  Target target_;
  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};  // one thread only: it needs no locks
  std::vector<tcp::endpoint> ends_;
  Timer look_for_stop_;
  std::stop_token stop_;
};

}  // namespace

std::unique_ptr<Loop> open_loop(const Target& target) { return std::make_unique<AsioLoop>(target); }

}  // namespace waybill::app::bench
