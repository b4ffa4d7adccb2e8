#include "serve/websocket.h"

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/websocket.hpp>
#include <functional>

#include "serve/problem.h"
#include "wire/json_out.h"

namespace waybill::serve {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

namespace {

using Turn = std::move_only_function<void()>;

// What Beast's operations have to do next. It is done before each call returns, so that they need no loop.
class Turns {
 public:
  void add(Turn turn) { waiting_.push_back(std::move(turn)); }
  void run() {
    while (!waiting_.empty()) {
      running_.swap(waiting_);
      for (Turn& turn : running_) turn();
      running_.clear();
    }
  }

 private:
  std::vector<Turn> waiting_;
  std::vector<Turn> running_;
};

class TurnExecutor {
 public:
  TurnExecutor(Turns& turns, asio::execution_context& context) : turns_(&turns), context_(&context) {}
  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
  static constexpr asio::execution::blocking_t::never_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  template <class Function>
  void execute(Function function) const {
    turns_->add(std::move(function));
  }
  bool operator==(const TurnExecutor&) const noexcept = default;

 private:
  Turns* turns_;
  asio::execution_context* context_;
};

// The other side of the stream, in memory. Writes are taken at once; a read waits until there is something.
struct Line {
  std::string in;
  std::string out;
  Turn reader;

  void come(std::string_view bytes, Turns& turns) {
    in += bytes;
    wake(turns);
  }
  void wake(Turns& turns) {
    if (!in.empty() && reader) turns.add(std::exchange(reader, nullptr));
  }
};

class LineStream {
 public:
  using executor_type = TurnExecutor;

  LineStream(Line& line, Turns& turns, asio::execution_context& context)
      : line_(line), turns_(turns), executor_(turns, context) {}
  executor_type get_executor() const noexcept { return executor_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(beast::error_code, size_t)>(
        [this](auto handler, const Buffers& into) {
          line_.reader = [this, into, handler = std::move(handler)]() mutable {
            const size_t bytes = asio::buffer_copy(into, asio::buffer(line_.in));
            line_.in.erase(0, bytes);
            std::move(handler)(beast::error_code(), bytes);
          };
          line_.wake(turns_);
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(beast::error_code, size_t)>(
        [this](auto handler, const Buffers& from) {
          const size_t bytes = asio::buffer_size(from);
          const size_t begin = line_.out.size();
          line_.out.resize(begin + bytes);
          asio::buffer_copy(asio::buffer(line_.out.data() + begin, bytes), from);
          turns_.add(
              [bytes, handler = std::move(handler)]() mutable { std::move(handler)(beast::error_code(), bytes); });
        },
        token, buffers);
  }

  // The socket is the connection's to end.
  template <class Handler>
  friend void async_teardown(beast::role_type, LineStream& stream, Handler&& handler) {
    stream.turns_.add(
        [handler = std::forward<Handler>(handler)]() mutable { std::move(handler)(beast::error_code()); });
  }
  friend void beast_close_socket(LineStream&) {}

 private:
  Line& line_;
  Turns& turns_;
  TurnExecutor executor_;
};

// Of the head, what Beast looks at.
http::request<http::empty_body> beast_request(const Request& request) {
  http::request<http::empty_body> made(http::verb::get, "/", 11);
  for (const Header& header : request.headers)
    made.insert({header.name.data(), header.name.size()}, {header.value.data(), header.value.size()});
  return made;
}

class WebSocket final : public Teller {
 public:
  WebSocket(Turns& turns, asio::execution_context& context, const Request& request,
            std::vector<std::pair<std::string, std::string>> headers)
      : turns_(turns), stream_(line_, turns, context) {
    stream_.read_message_max(heard_bytes_max);
    stream_.auto_fragment(false);
    stream_.text(true);
    stream_.set_option(websocket::stream_base::decorator([&](websocket::response_type& reply) {
      for (const auto& [name, value] : headers) reply.insert(name, value);
    }));
    stream_.async_accept(beast_request(request), [this](const beast::error_code& error) {
      if (error)
        heard_ = Heard::broken;
      else
        listen();
    });
    turns_.run();
  }

  void event(std::string_view id, std::string_view name, std::string_view data) override {
    wire::JsonWriter writer;
    writer.begin_object();
    if (!id.empty()) writer.key("id").text(id);
    writer.key("event").text(name).key("data").raw(data).end_object();
    const std::string text = writer.take();
    stream_.async_write(asio::buffer(text), [](const beast::error_code&, size_t) {});
    turns_.run();
  }
  void heartbeat() override {
    stream_.async_ping({}, [](const beast::error_code&) {});
    turns_.run();
  }
  void end(Ending why) override {
    const auto code = code_of(why);
    if (code == websocket::close_code::none || heard_ != Heard::well) return;
    stream_.async_close(code, [](const beast::error_code&) {});
    turns_.run();
  }
  Heard hear(std::string_view bytes) override {
    line_.come(bytes, turns_);
    turns_.run();
    return heard_;
  }
  size_t pending() const override { return line_.out.size(); }
  void flush(std::string& output) override {
    output += line_.out;
    line_.out = {};  // those who rest keep nothing
  }

 private:
  static websocket::close_code code_of(Ending why) {
    switch (why) {
      case Ending::over: return websocket::close_code::normal;
      case Ending::unwelcome: return websocket::close_code::policy_error;
      case Ending::drained: return websocket::close_code::going_away;
      case Ending::broken: return websocket::close_code::internal_error;
      case Ending::left:
      case Ending::slow: return websocket::close_code::none;
    }
    return websocket::close_code::none;
  }

  // Beast answers pings and closes as it reads, and refuses what is no frame or too much.
  void listen() {
    message_.clear();
    message_.shrink_to_fit();
    stream_.async_read(message_, [this](const beast::error_code& error, size_t) {
      if (!error) return listen();
      heard_ = error == websocket::error::closed ? Heard::farewell : Heard::broken;
    });
  }

  Turns& turns_;
  Line line_;
  beast::flat_buffer message_;
  Heard heard_ = Heard::well;
  websocket::stream<LineStream, false> stream_;
};

bool names(const Request& request, std::string_view header, std::string_view token) {
  return std::ranges::any_of(request.headers, [&](const Header& found) {
    return beast::iequals({found.name.data(), found.name.size()}, {header.data(), header.size()}) &&
           http::token_list({found.value.data(), found.value.size()}).exists({token.data(), token.size()});
  });
}

size_t count_of(const Request& request, std::string_view header) {
  return static_cast<size_t>(std::ranges::count_if(request.headers, [&](const Header& found) {
    return beast::iequals({found.name.data(), found.name.size()}, {header.data(), header.size()});
  }));
}

// 16 bytes in base64.
bool is_key(std::string_view text) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return text.size() == 24 && text.ends_with("==") && text.find_first_not_of(alphabet) == 22;
}

Reply refused(std::string field, std::string expected) {
  Reply reply = reply_of(Problem{.status = 400,
                                 .detail = "not the handshake of a WebSocket that is spoken here",
                                 .field = std::move(field),
                                 .expected = std::move(expected)});
  reply.headers.emplace_back("Sec-WebSocket-Version", "13");
  return reply;
}

}  // namespace

bool asks_for_websocket(const Request& request) {
  return request.method == Method::get && names(request, "Upgrade", "websocket") &&
         names(request, "Connection", "upgrade");
}

std::optional<Reply> bad_handshake(const Request& request) {
  if (count_of(request, "Sec-WebSocket-Version") != 1 || request.header("Sec-WebSocket-Version") != "13")
    return refused("Sec-WebSocket-Version", "13");
  if (count_of(request, "Sec-WebSocket-Key") != 1 || !is_key(request.header("Sec-WebSocket-Key")))
    return refused("Sec-WebSocket-Key", "16 bytes in base64");
  return std::nullopt;
}

struct WebSockets::Context {
  Turns turns;
  asio::io_context never_run{1};  // Beast asks for a context to keep its streams and timers in
};

WebSockets::WebSockets() = default;
WebSockets::~WebSockets() = default;

std::unique_ptr<Teller> WebSockets::accept(const Request& request,
                                           std::vector<std::pair<std::string, std::string>> headers) {
  if (!context_) context_ = std::make_unique<Context>();
  return std::make_unique<WebSocket>(context_->turns, context_->never_run, request, std::move(headers));
}

}  // namespace waybill::serve
