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
    acceptor_.emplace(loops_.front()->io());
    accept_timer_.emplace(loops_.front()->io());
  }
  ~AsioServer() override {
    stop(std::chrono::milliseconds(0));
    for (const auto& loop : loops_) loop->no_more_wakeups();
    shared_.pool->join();  // its last answers find the loops still there
    accept_timer_.reset();
    acceptor_.reset();
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
  void accept();

  Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::optional<Tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> accept_timer_;
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
  const std::string port = std::to_string(shared_.options.port);
  const std::string place = shared_.options.host + ":" + port;
  ErrorCode error;
  Tcp::resolver resolver(loops_.front()->io());
  const auto found = resolver.resolve(shared_.options.host, port, Tcp::resolver::passive, error);
  if (error || found.empty()) return std::unexpected(listen_error(place, error));
  const Tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor_->open(endpoint.protocol(), error);
  if (!error) acceptor_->set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint, error);
  if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_->local_endpoint(error).port();
  if (error) return std::unexpected(listen_error(place, error));
  return {};
}

void AsioServer::start() {
  accept();
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

// One acceptor deals the connections out in turn, so that the loops carry the same.
void AsioServer::accept() {
  Loop& loop = *loops_[next_loop_++ % loops_.size()];
  acceptor_->async_accept(loop.io(), [this, &loop](const ErrorCode& error, TcpSocket socket) {
    if (error == asio::error::operation_aborted || !acceptor_->is_open()) return;
    if (error) {
      // Out of descriptors, mostly: it gets better when some are closed, not by trying at once.
      log::warning("cannot accept a connection", {{"why", error.message()}});
      accept_timer_->expires_after(std::chrono::milliseconds(100));
      accept_timer_->async_wait([this](const ErrorCode& cancelled) {
        if (!cancelled && acceptor_->is_open()) accept();
      });
      return;
    }
    if (&loop == loops_.front().get())
      loop.begin(std::move(socket));
    else
      asio::post(loop.io(), [&loop, socket = std::move(socket)]() mutable { loop.begin(std::move(socket)); });
    accept();
  });
}

void AsioServer::stop(std::chrono::milliseconds at_most) {
  if (threads_.empty()) return;
  asio::post(loops_.front()->io(), [this] {
    ErrorCode ignored;
    acceptor_->close(ignored);
    accept_timer_->cancel();
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
