// Streams over real sockets: many who watch, one that does not read, the server's end. Without sockets: stream_test.cc.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "base/guarded.h"
#include "serve/certificate_for_tests.h"
#include "serve/live_meter.h"
#include "serve/server.h"
#include "serve/talk_partners.h"

namespace waybill::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using std::chrono::milliseconds;

// What is watched: the newest number. Viewers that are late miss numbers; none goes back.
class Board {
 public:
  void post(uint64_t number) {
    std::vector<std::function<void()>> wakes;
    state_.with([&](State& state) {
      state.newest = number;
      for (const auto& [viewer, wake] : state.viewers) wakes.push_back(wake);
    });
    for (const auto& wake : wakes) wake();
  }
  size_t viewers() const {
    return state_.with([](const State& state) { return state.viewers.size(); });
  }
  std::function<void()> any_wake() {
    return state_.with([](const State& state) { return state.viewers.begin()->second; });
  }
  std::shared_ptr<Stream> watch(size_t event_bytes) { return std::make_shared<Watching>(*this, event_bytes); }

 private:
  class Watching final : public Stream {
   public:
    Watching(Board& board, size_t event_bytes) : board_(board), event_bytes_(event_bytes) {}
    ~Watching() override {
      board_.state_.with([this](State& state) { state.viewers.erase(this); });
    }
    void begin(std::function<void()> wake) override {
      board_.state_.with([&](State& state) { state.viewers[this] = std::move(wake); });
    }
    Next take(EventSink& sink) override {
      const uint64_t newest = board_.state_.with([](const State& state) { return state.newest; });
      if (newest == told_) return Next::waits;
      told_ = newest;
      const std::string number = std::to_string(newest);
      sink.event(number, "number", "{\"n\":" + number + ",\"pad\":\"" + std::string(event_bytes_, '.') + "\"}");
      return Next::waits;
    }
    bool welcome() override { return true; }

   private:
    Board& board_;
    const size_t event_bytes_;
    uint64_t told_ = 0;
  };
  struct State {
    uint64_t newest = 0;
    std::map<const Watching*, std::function<void()>> viewers;
  };
  Guarded<State> state_;
};

// Where handlers stand until they are let go.
class Gate {
 public:
  void pass() {
    ++standing_;
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
    --standing_;
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  int standing() const { return standing_; }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  std::atomic<int> standing_{0};
};

// GET /live watches the board, /live/long with events of 64 KiB; /plain answers at once. /live/gated, which is patient, and
// /gated run in the pool and stand at the gate, /gated/here in the loop.
class LiveServer : public testing::Test {
 protected:
  void open(ServerOptions options = {}) {
    options.port = 0;
    options.sweep_every = milliseconds(2);
    const auto live = [this](size_t event_bytes) {
      return [this, event_bytes](const Request&) { return Reply{.body = {}, .stream = board_.watch(event_bytes)}; };
    };
    std::vector<Route> routes{
        {.method = Method::get, .pattern = "/live", .handler = live(0)},
        {.method = Method::get, .pattern = "/live/pooled", .handler = live(0), .where = Where::pool},
        {.method = Method::get, .pattern = "/live/long", .handler = live(64 << 10)},
        {.method = Method::get, .pattern = "/plain", .handler = [](const Request&) { return Reply{.body = "ok"}; }}};
    const auto gated = [this](const Request&) {
      gate_.pass();
      return Reply{.body = "passed"};
    };
    routes.push_back({.method = Method::get, .pattern = "/gated", .handler = gated, .where = Where::pool});
    routes.push_back({.method = Method::get, .pattern = "/gated/here", .handler = gated});
    routes.push_back(
        {.method = Method::get, .pattern = "/live/gated", .handler = gated, .where = Where::pool, .patient = true});
    auto opened = open_server(std::move(options), std::move(routes), door_,
                              {.commit = [] { return Result<void>(); },
                               .durable_end = [] { return uint64_t{0}; },
                               .on_failure = [](const Error&) {}},
                              progress_, *metrics_, clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(*opened);
    server_->start();
  }
  void TearDown() override {
    if (server_) server_->stop(std::chrono::seconds(1));
    server_.reset();
    EXPECT_EQ(board_.viewers(), 0u) << "every stream ends with its connection";
  }

  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    return socket;
  }
  static void send(tcp::socket& socket, std::string_view text) { asio::write(socket, asio::buffer(text)); }
  tcp::socket watch(const std::string& path = "/live") {
    tcp::socket socket = connect();
    send(socket, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return socket;
  }
  // Up to this text and with it; all that came where the connection ended before.
  static std::string read_until(tcp::socket& socket, std::string_view text) {
    std::string said;
    std::array<char, 4096> some;
    boost::system::error_code error;
    while (said.find(text) == std::string::npos) {
      const size_t bytes = socket.read_some(asio::buffer(some), error);
      said.append(some.data(), bytes);
      if (error) return said + "<end>";
    }
    return said;
  }
  static std::string rest_of(tcp::socket& socket) { return read_until(socket, std::string_view("\0", 1)); }
  // Comes true; where the server is broken the test stands still, and who runs it ends it.
  static void wait_until(const std::function<bool()>& so) {
    while (!so()) std::this_thread::yield();
  }
  void wait_for_viewers(size_t count) {
    wait_until([&] { return board_.viewers() == count; });
  }
  uint64_t ended(Transport transport, Ending why) {
    return LiveMeter(*metrics_, transport).ended[static_cast<size_t>(why)]->value();
  }

  ManualClock clock_{at_us(1'800'000'000'000'000)};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  ingest::Progress progress_;
  TestDoor door_;
  Board board_;
  Gate gate_;
  asio::io_context io_;
  std::unique_ptr<Server> server_;
};

TEST_F(LiveServer, tells_a_viewer_what_happens_as_it_happens) {
  open();
  for (const char* path : {"/live", "/live/pooled"}) {
    tcp::socket viewer = watch(path);
    EXPECT_NE(read_until(viewer, "retry: ").find("200 OK"), std::string::npos);
    wait_for_viewers(1);
    for (const uint64_t number : {7, 8, 9}) {
      board_.post(number);
      EXPECT_NE(read_until(viewer, "\n\n").find("data: {\"n\":" + std::to_string(number)), std::string::npos);
    }
    viewer.close();
    wait_for_viewers(0);
  }
  EXPECT_EQ(ended(Transport::sse, Ending::left), 2u);
}

TEST_F(LiveServer, viewers_that_come_back_at_once_take_no_place_from_requests_that_can_be_refused) {
  open({.pool_threads = 2, .pool_queue_max = 2});
  std::vector<tcp::socket> herd;
  for (int i = 0; i < 8; ++i) herd.push_back(watch("/live/gated"));
  wait_until([&] { return gate_.standing() == 2; });
  tcp::socket one = watch("/gated");
  tcp::socket other = watch("/gated");
  tcp::socket last = connect();
  // The one loop takes them in this order or another: of three one is too many.
  send(last, "GET /gated HTTP/1.1\r\nHost: x\r\n\r\n");
  std::atomic<int> refused{0};
  {
    std::vector<std::jthread> readers;
    std::atomic<int> answered{0};
    for (tcp::socket* each : {&one, &other, &last})
      readers.emplace_back([&, each] {
        if (read_until(*each, "\r\n\r\n").find(" 503 ") != std::string::npos) ++refused;
        ++answered;
      });
    wait_until([&] { return answered >= 1; });
    gate_.open();
  }
  EXPECT_EQ(refused, 1);
  for (tcp::socket& each : herd) EXPECT_NE(read_until(each, "passed").find(" 200 "), std::string::npos);
  tcp::socket later = watch("/gated");
  EXPECT_NE(read_until(later, "passed").find(" 200 "), std::string::npos);
}

TEST_F(LiveServer, wakes_a_thousand_viewers_at_once_from_several_threads) {
  open({.threads = 2});
  constexpr size_t count = 1000;
  std::vector<tcp::socket> viewers;
  for (size_t i = 0; i < count; ++i) viewers.push_back(watch());
  wait_for_viewers(count);
  constexpr uint64_t last = 400;
  {
    std::atomic<uint64_t> number{0};
    const auto post = [&] {
      for (uint64_t next = ++number; next < last; next = ++number) board_.post(next);
    };
    std::jthread one(post);
    std::jthread other(post);
  }
  board_.post(last);
  for (tcp::socket& viewer : viewers)
    ASSERT_NE(read_until(viewer, "data: {\"n\":400,").find("event: number"), std::string::npos);
  EXPECT_EQ(LiveMeter(*metrics_, Transport::sse).viewers.value(), count);
}

TEST_F(LiveServer, keeps_little_for_a_client_that_never_reads_cuts_it_and_serves_the_others) {
  open({.unread_bytes_max = 64 << 20});
  tcp::socket deaf = connect();
  deaf.set_option(tcp::socket::receive_buffer_size(16 << 10));
  send(deaf, "GET /live/long HTTP/1.1\r\nHost: x\r\n\r\n");
  tcp::socket good = watch();
  wait_for_viewers(2);
  LiveMeter meter(*metrics_, Transport::sse);
  for (uint64_t number = 1; number <= 2000; ++number) {
    board_.post(number);
    read_until(good, "data: {\"n\":" + std::to_string(number) + ',');
  }
  EXPECT_LT(meter.events.value(), 2000 + 200) << "what does not leave is not taken";
  clock_.advance(std::chrono::seconds(30) + milliseconds(1));
  wait_for_viewers(1);
  EXPECT_EQ(ended(Transport::sse, Ending::slow), 1u);
  board_.post(3000);
  read_until(good, "data: {\"n\":3000,");
}

TEST_F(LiveServer, ends_every_stream_in_order_when_it_stops) {
  open({.threads = 2});
  std::vector<tcp::socket> viewers;
  for (int i = 0; i < 20; ++i) viewers.push_back(watch());
  wait_for_viewers(20);
  std::jthread stopping([&] { server_->stop(std::chrono::seconds(1)); });
  for (tcp::socket& viewer : viewers) {
    EXPECT_TRUE(rest_of(viewer).ends_with("\r\n0\r\n\r\n<end>"));
    viewer.close();
  }
  stopping.join();
  EXPECT_EQ(ended(Transport::sse, Ending::drained), 20u);
}

TEST_F(LiveServer, answers_a_request_of_which_a_part_had_come_when_it_was_stopped) {
  open();
  tcp::socket half = watch("/plain");
  EXPECT_NE(read_until(half, "ok").find(" 200 "), std::string::npos);
  tcp::socket standing = watch("/gated/here");
  wait_until([&] { return gate_.standing() == 1; });
  send(half, "GET /plain HTTP/1.1\r\nHo");  // the loop stands: nothing is read
  std::atomic<bool> begun{false};
  std::jthread stopping([&] {
    begun = true;
    server_->stop(std::chrono::seconds(10));
  });
  wait_until([&] { return begun.load(); });
  gate_.open();
  send(half, "st: x\r\n\r\n");
  EXPECT_NE(read_until(half, "ok").find(" 200 "), std::string::npos);
  half.close();  // or the server waits for them
  standing.close();
}

TEST_F(LiveServer, its_stop_is_over_when_the_last_client_has_gone) {
  open();
  tcp::socket socket = watch("/plain");
  EXPECT_NE(read_until(socket, "ok").find(" 200 "), std::string::npos);
  std::jthread stopping([&] { server_->stop(std::chrono::hours(1)); });
  EXPECT_EQ(rest_of(socket), "<end>");
  socket.close();
}

TEST_F(LiveServer, ends_a_stream_within_a_heartbeat_when_its_credential_is_taken_back) {
  open();
  tcp::socket viewer = watch();
  wait_for_viewers(1);
  door_.holds = false;
  clock_.advance(std::chrono::seconds(15));
  EXPECT_TRUE(rest_of(viewer).ends_with("\r\n0\r\n\r\n<end>"));
  EXPECT_EQ(ended(Transport::sse, Ending::unwelcome), 1u);
}

TEST_F(LiveServer, may_be_woken_when_the_viewer_and_the_server_are_gone) {
  open();
  std::function<void()> wake;
  {
    tcp::socket viewer = watch();
    wait_for_viewers(1);
    wake = board_.any_wake();
  }
  wait_for_viewers(0);
  wake();
  server_->stop(std::chrono::seconds(1));
  wake();
  server_.reset();
  wake();
}

// ---- over WebSocket, as Beast's client sees it

using Socket = websocket::stream<tcp::socket>;

template <class Stream>
std::string message_of(Stream& viewer) {
  beast::flat_buffer buffer;
  beast::error_code error;
  viewer.read(buffer, error);
  return error ? error.message() : beast::buffers_to_string(buffer.data());
}

class LiveSocket : public LiveServer {
 protected:
  Socket watch_by_socket(const std::string& path = "/live") {
    Socket viewer(connect());
    viewer.handshake("localhost", path);
    return viewer;
  }
};

TEST_F(LiveSocket, tells_a_viewer_what_happens_as_it_happens) {
  open();
  for (const char* path : {"/live", "/live/pooled"}) {
    board_.post(0);
    Socket viewer = watch_by_socket(path);
    wait_for_viewers(1);
    for (const uint64_t number : {7, 8, 9}) {
      board_.post(number);
      const std::string n = std::to_string(number);
      EXPECT_EQ(message_of(viewer), "{\"id\":\"" + n + R"(","event":"number","data":{"n":)" + n + R"(,"pad":""}})");
    }
    viewer.write(asio::buffer(std::string_view("nobody listens")));
    viewer.close(websocket::close_code::normal);
    wait_for_viewers(0);
  }
  EXPECT_EQ(ended(Transport::websocket, Ending::left), 2u);
}

TEST_F(LiveSocket, wakes_many_viewers_at_once) {
  open({.threads = 2});
  constexpr size_t count = 300;
  std::vector<Socket> viewers;
  for (size_t i = 0; i < count; ++i) viewers.push_back(watch_by_socket());
  wait_for_viewers(count);
  for (uint64_t number = 1; number <= 100; ++number) board_.post(number);
  for (Socket& viewer : viewers) {
    std::string said;
    while (said.find("\"n\":100,") == std::string::npos)
      ASSERT_TRUE((said = message_of(viewer)).starts_with("{")) << said;
  }
}

TEST_F(LiveSocket, keeps_little_for_a_client_that_never_reads_cuts_it_and_serves_the_others) {
  open();
  tcp::socket line = connect();
  line.set_option(tcp::socket::receive_buffer_size(16 << 10));
  Socket deaf(std::move(line));
  deaf.handshake("localhost", "/live/long");
  Socket good = watch_by_socket();
  wait_for_viewers(2);
  for (uint64_t number = 1; number <= 2000; ++number) {
    board_.post(number);
    while (message_of(good).find("\"n\":" + std::to_string(number) + ',') == std::string::npos) {
    }
  }
  EXPECT_LT(LiveMeter(*metrics_, Transport::websocket).events.value(), 2000 + 200);
  clock_.advance(std::chrono::seconds(30) + milliseconds(1));
  wait_for_viewers(1);
  EXPECT_EQ(ended(Transport::websocket, Ending::slow), 1u);
}

TEST_F(LiveSocket, says_why_it_ends) {
  open();
  Socket unwelcome = watch_by_socket();
  wait_for_viewers(1);
  door_.holds = false;
  clock_.advance(std::chrono::seconds(15));
  message_of(unwelcome);
  EXPECT_EQ(unwelcome.reason().code, websocket::close_code::policy_error);

  door_.holds = true;
  Socket drained = watch_by_socket();
  wait_for_viewers(1);
  std::jthread stopping([&] { server_->stop(std::chrono::seconds(1)); });
  message_of(drained);
  EXPECT_EQ(drained.reason().code, websocket::close_code::going_away);
}

TEST_F(LiveSocket, goes_over_tls_as_well_and_so_do_events) {
  std::signal(SIGPIPE, SIG_IGN);  // as the process does
  std::string folder = testing::TempDir() + "waybill-live-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const Pair pair = make_pair_of(1, 2'000'000'000);
  const TlsOptions files_of{.certificate = folder + "/cert.pem", .key = folder + "/key.pem"};
  ASSERT_TRUE(write_file_atomically(system_files(), files_of.certificate, pair.certificate));
  ASSERT_TRUE(write_file_atomically(system_files(), files_of.key, pair.key));
  ASSERT_EQ(::chmod(files_of.key.c_str(), 0600), 0);
  const auto tls = std::move(*open_tls(files_of, system_files(), clock_, *metrics_));
  open({.tls = tls.get()});

  asio::ssl::context context(asio::ssl::context::tls_client);
  websocket::stream<asio::ssl::stream<tcp::socket>> viewer(connect(), context);
  viewer.next_layer().handshake(asio::ssl::stream_base::client);
  viewer.handshake("localhost", "/live");
  asio::ssl::stream<tcp::socket> by_events(connect(), context);
  by_events.handshake(asio::ssl::stream_base::client);
  asio::write(by_events, asio::buffer(std::string_view("GET /live HTTP/1.1\r\nHost: x\r\n\r\n")));
  wait_for_viewers(2);
  for (uint64_t number = 1; number <= 100; ++number) {
    board_.post(number);
    const std::string n = "\"n\":" + std::to_string(number) + ',';
    EXPECT_NE(message_of(viewer).find(n), std::string::npos);
    std::string said;
    std::array<char, 4096> some;
    while (said.find(n) == std::string::npos) said.append(some.data(), by_events.read_some(asio::buffer(some)));
  }
  viewer.close(websocket::close_code::normal);
  wait_for_viewers(1);
  by_events.next_layer().close();
  wait_for_viewers(0);
  server_.reset();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace waybill::serve
