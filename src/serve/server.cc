#include "serve/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/process.h"
#include "serve/loop.h"

namespace waybill::serve {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

namespace {

class AsioServer final : public Server {
 public:
  AsioServer(ServerOptions options, std::vector<Route> routes, Door& door, Durability durability,
             ingest::Progress& progress, Metrics& metrics, Clock& clock)
      : shared_(std::move(options), std::move(routes), door, std::move(durability), progress, metrics, clock) {
    for (int i = 0; i < std::max(1, shared_.options.threads); ++i) loops_.push_back(std::make_unique<Loop>(shared_));
  }
  ~AsioServer() override {
    stop(std::chrono::milliseconds(0));
    for (const auto& loop : loops_) loop->no_more_wakeups();
    shared_.pool->join();  // its last answers find the loops still there
    listeners_.clear();
  }

  Result<void> listen();
  void start() override;
  void stop(std::chrono::milliseconds at_most) override;
  uint16_t port() const override { return port_; }
  Moment came_round() const override {
    Moment earliest = Moment::max();
    for (const auto& loop : loops_) earliest = std::min(earliest, loop->came_round());
    return earliest;
  }

 private:
  // A port; both live in the first loop.
  struct Listener {
    explicit Listener(asio::io_context& io) : acceptor(io), timer(io) {}
    Tcp::acceptor acceptor;
    asio::steady_timer timer;
  };
  Result<uint16_t> listen_on(uint16_t port);
  void accept(Listener& listener);

  Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable left_;
  size_t running_ = 0;
  size_t next_loop_ = 0;
  uint16_t port_ = 0;
};

Error listen_error(const std::string& place, const ErrorCode& error) {
  Code code = Code::unavailable;
  if (error == asio::error::address_in_use) code = Code::conflict;
  if (error == asio::error::access_denied) code = Code::denied;
  if (error == asio::error::address_family_not_supported || error.category() == asio::error::get_netdb_category() ||
      error == boost::system::errc::address_not_available)
    code = Code::invalid;
  return {code, "listen on " + place + ": " + error.message()};
}

Result<void> AsioServer::listen() {
  TRY_LET(port_, listen_on(shared_.options.port));
  for (const uint16_t port : shared_.options.more_ports) TRY(listen_on(port));
  return {};
}

Result<uint16_t> AsioServer::listen_on(uint16_t number) {
  const std::string port = std::to_string(number);
  const std::string place = shared_.options.host + ":" + port;
  ErrorCode error;
  Tcp::resolver resolver(loops_.front()->io());
  const auto found = resolver.resolve(shared_.options.host, port, Tcp::resolver::passive, error);
  if (error || found.empty()) return std::unexpected(listen_error(place, error));
  const Tcp::endpoint endpoint = found.begin()->endpoint();
  Tcp::acceptor& acceptor = listeners_.emplace_back(std::make_unique<Listener>(loops_.front()->io()))->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  uint16_t got = 0;
  if (!error) got = acceptor.local_endpoint(error).port();
  if (error) return std::unexpected(listen_error(place, error));
  return got;
}

void AsioServer::start() {
  for (const auto& listener : listeners_) accept(*listener);
  running_ = loops_.size();
  for (const auto& loop : loops_) {
    threads_.emplace_back([this, &loop = *loop] {
      name_this_thread("event loop");
      loop.run();
      std::lock_guard lock(mutex_);
      --running_;
      left_.notify_all();
    });
  }
}

// Connections are dealt out in turn, so that the loops carry the same.
void AsioServer::accept(Listener& listener) {
  Loop& loop = *loops_[next_loop_++ % loops_.size()];
  listener.acceptor.async_accept(loop.io(), [this, &listener, &loop](const ErrorCode& error, TcpSocket socket) {
    if (error == asio::error::operation_aborted || !listener.acceptor.is_open()) return;
    if (error) {
      // Out of descriptors, mostly: it gets better when some are closed, not by trying at once.
      log::warning("cannot accept a connection", {{"why", error.message()}});
      listener.timer.expires_after(std::chrono::milliseconds(100));
      listener.timer.async_wait([this, &listener](const ErrorCode& cancelled) {
        if (!cancelled && listener.acceptor.is_open()) accept(listener);
      });
      return;
    }
    if (&loop == loops_.front().get())
      loop.begin(std::move(socket));
    else
      asio::post(loop.io(), [&loop, socket = std::move(socket)]() mutable { loop.begin(std::move(socket)); });
    accept(listener);
  });
}

void AsioServer::stop(std::chrono::milliseconds at_most) {
  if (threads_.empty()) return;
  asio::post(loops_.front()->io(), [this] {
    ErrorCode ignored;
    for (const auto& listener : listeners_) {
      listener->acceptor.close(ignored);
      listener->timer.cancel();
    }
  });
  for (const auto& loop : loops_) asio::post(loop->io(), [&loop = *loop] { loop.drain(); });
  {
    std::unique_lock lock(mutex_);
    left_.wait_for(lock, at_most, [this] { return running_ == 0; });
  }
  for (const auto& loop : loops_) asio::post(loop->io(), [&loop = *loop] { loop.cut_off(); });
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace

Result<std::unique_ptr<Server>> open_server(ServerOptions options, std::vector<Route> routes, Door& door,
                                            Durability durability, ingest::Progress& progress, Metrics& metrics,
                                            Clock& clock) {
  auto server = std::make_unique<AsioServer>(std::move(options), std::move(routes), door, std::move(durability),
                                             progress, metrics, clock);
  TRY(server->listen());
  return server;
}

}  // namespace waybill::serve
