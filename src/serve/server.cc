#include "serve/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <thread>

#include "base/guarded.h"
#include "base/log.h"
#include "serve/conversation.h"

namespace waybill::serve {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

// What all loops share; outlives them.
struct Shared {
  Shared(ServerOptions server_options, std::vector<Route> routes, Door& the_door, Durability how,
         ingest::Progress& visible_progress, Metrics& all_metrics, Clock& the_clock)
      : options(std::move(server_options)),
        limits{.parser = {.header_bytes_max = options.header_bytes_max, .body_bytes_max = options.body_bytes_max},
               .inline_body_bytes_max = options.inline_body_bytes_max,
               .idle_ms_max = options.idle_ms_max,
               .request_ms_max = options.request_ms_max,
               .write_ms_max = options.write_ms_max,
               .read_wait_ms_max = options.read_wait_ms_max},
        router(std::move(routes)),
        door(the_door),
        durability(std::move(how)),
        progress(visible_progress),
        metrics(all_metrics),
        clock(the_clock),
        connections_gauge(metrics.gauge("waybill_http_connections", "connections that are open")),
        handshakes_failed(metrics.counter("waybill_http_handshakes_failed_total",
                                          "connections that did not come to speak TLS: cut for time, or not TLS")),
        pool(static_cast<size_t>(std::max(1, options.pool_threads))) {}

  const ServerOptions options;
  const ConversationLimits limits;
  const Router router;
  Door& door;
  const Durability durability;
  ingest::Progress& progress;
  Metrics& metrics;
  Clock& clock;
  Gauge& connections_gauge;
  Counter& handshakes_failed;
  std::atomic<size_t> connections{0};
  std::atomic<size_t> refusals{0};
  std::atomic<size_t> pool_requests{0};
  asio::thread_pool pool;
};

// The numbers of one route, looked up once for each status and loop.
class RouteMeter {
 public:
  RouteMeter(Metrics& metrics, std::string name)
      : metrics_(metrics),
        name_(std::move(name)),
        seconds_(metrics.histogram("waybill_http_request_seconds", "from a request's first byte to its answer",
                                   duration_bounds(), {{"route", name_}})) {}
  void count(int status, double seconds) {
    seconds_.observe(seconds);
    for (auto& [known, counter] : counters_)
      if (known == status) return counter->add();
    Counter& counter = metrics_.counter("waybill_http_requests_total", "requests answered",
                                        {{"route", name_}, {"status", std::to_string(status)}});
    counters_.emplace_back(status, &counter);
    counter.add();
  }

 private:
  Metrics& metrics_;
  std::string name_;
  Histogram& seconds_;
  std::vector<std::pair<int, Counter*>> counters_;
};

// "127.0.0.1"; an IPv4 address that came in over IPv6 is shown as the former. Empty where the peer is gone already.
std::string address_of(const Tcp::socket& socket) {
  ErrorCode error;
  const Tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return {};
  asio::ip::address address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.to_string();
}

class Connection;
using ConnectionPtr = std::shared_ptr<Connection>;  // shared: each operation under way on its socket keeps it alive

// One thread, its connections, its commits.
class Loop {
 public:
  explicit Loop(Shared& shared);

  asio::io_context& io() { return io_; }
  Shared& shared() { return shared_; }
  std::string_view date() const { return date_; }
  Moment came_round() const { return came_round_; }  // from any thread

  void begin(Tcp::socket socket);      // in the loop's thread, as everything below
  void run();                          // until drained or cut off
  void drain();
  void cut_off();
  void removed(Connection& connection);
  void hold(ConnectionPtr connection);
  using Waiters = std::multimap<uint64_t, ConnectionPtr>;
  Waiters::iterator wait_visible(uint64_t offset, ConnectionPtr connection);
  void forget_wait(Waiters::iterator waiter) { waiting_.erase(waiter); }
  bool take_body_bytes(size_t bytes);
  void give_body_bytes(size_t bytes) { body_bytes_ -= bytes; }
  void keep_unread(Connection& reader, size_t bytes);
  void forget_unread(size_t bytes) { unread_bytes_ -= bytes; }
  void count(const Route* route, int status, Moment began);
  void no_more_wakeups() {
    mailbox_->loop.with([](Loop*& loop) { loop = nullptr; });
  }

 private:
  // Where the subscriber's thread knocks; it may do so after the loop is gone.
  struct Mailbox {
    Guarded<Loop*> loop;
  };
  static constexpr uint64_t nothing_watched = std::numeric_limits<uint64_t>::max();

  void commit();
  void watch(uint64_t offset);
  void look_at_visible();
  void sweep_later();
  void sweep();
  void leave_when_empty();

  Shared& shared_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer sweep_timer_;
  std::atomic<Moment> came_round_;
  std::string date_;
  std::vector<RouteMeter> meters_;  // of the router's routes, then of what matched none
  std::vector<ConnectionPtr> connections_;
  std::vector<ConnectionPtr> held_;
  std::vector<ConnectionPtr> releasing_;
  Waiters waiting_;
  uint64_t watched_ = nothing_watched;  // the lowest offset that a call of Progress is under way for
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();  // shared with callbacks that Progress keeps
  const size_t body_bytes_max_;
  size_t body_bytes_ = 0;
  const size_t unread_bytes_max_;
  size_t unread_bytes_ = 0;
  bool draining_ = false;
};

class Connection final : public Surroundings, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, Tcp::socket socket, std::unique_ptr<TlsStream> tls)
      : loop_(loop),
        socket_(std::move(socket)),
        tls_(std::move(tls)),
        address_(address_of(socket_)),
        conversation_(loop.shared().router, loop.shared().limits, *this),
        shaking_hands_(tls_ != nullptr),
        began_(now()) {}

  void begin() {
    if (tls_)
      when(TlsNext::when_readable, &Connection::shake_hands);
    else
      talk();
  }
  void committed(Committed committed) {
    if (closed_) return;
    conversation_.committed(committed);
    pump();
  }
  void became_visible() {
    waits_ = false;
    if (closed_) return;
    conversation_.became_visible();
    pump();
  }
  void sweep() {
    if (closed_) return;
    if (shaking_hands_) {
      if (now() - began_ <= loop_.shared().options.handshake_ms_max) return;
      loop_.shared().handshakes_failed.add();
      return close();
    }
    if (lingering_) {
      if (now() - linger_began_ > loop_.shared().options.linger_ms_max) close();
      return;
    }
    conversation_.sweep();
    pump();
  }
  void drain() {
    if (closed_) return;
    if (lingering_ || shaking_hands_) return close();
    conversation_.drain();
    pump();
  }
  void close();

  size_t unread_bytes() const { return unread_bytes_; }
  Moment unread_since() const { return unread_since_; }

  size_t index = 0;       // in the loop's list
  bool refused = false;   // one of the refusals, not of the connections

  Moment now() const override { return loop_.shared().clock.steady(); }
  std::string_view date() const override { return loop_.date(); }
  uint64_t durable_end() const override { return loop_.shared().durability.durable_end(); }
  uint64_t visible() const override { return loop_.shared().progress.visible(); }
  void hold() override { loop_.hold(shared_from_this()); }
  void wait_visible(uint64_t offset) override {
    waits_ = true;
    waiter_ = loop_.wait_visible(offset, shared_from_this());
  }
  void forget_wait() override {
    if (std::exchange(waits_, false)) loop_.forget_wait(waiter_);
  }
  bool run_in_pool(const Route& route) override;
  bool take_body_bytes(size_t bytes) override { return loop_.take_body_bytes(bytes); }
  void give_body_bytes(size_t bytes) override { loop_.give_body_bytes(bytes); }
  void count(const Route* route, int status, Moment began) override { loop_.count(route, status, began); }
  Door& door() override { return loop_.shared().door; }
  std::string_view address() const override { return address_; }

 private:
  void talk();
  void pump();
  size_t write_some(std::string_view bytes, ErrorCode& error);
  void read();
  void write(size_t from);
  void linger();
  void discard();

  void when(TlsNext next, void (Connection::*go_on)());
  void shake_hands();
  void read_tls();
  void write_tls();

  Loop& loop_;
  Tcp::socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  const std::string address_;
  Conversation conversation_;
  Loop::Waiters::iterator waiter_;
  Moment linger_began_;
  size_t unread_bytes_ = 0;  // of a reply that is not taken at once
  Moment unread_since_;
  std::array<char, 512> discarded_;
  bool waits_ = false;
  bool reading_ = false;
  bool lingering_ = false;
  bool closed_ = false;
  bool shaking_hands_;
  TlsNext write_waits_for_ = TlsNext::when_writable;
  Moment began_;
  size_t written_ = 0;  // of the output that write_tls() sends
};

// ---- Connection

void Connection::talk() {
  if (refused) conversation_.refuse(503, "too many connections at once");
  pump();
}

size_t Connection::write_some(std::string_view bytes, ErrorCode& error) {
  if (!tls_) return socket_.write_some(asio::buffer(bytes), error);
  const TlsStep step = tls_->write(bytes);
  write_waits_for_ = step.next;
  if (step.next == TlsNext::when_readable || step.next == TlsNext::when_writable)
    error = asio::error::would_block;
  else if (step.next != TlsNext::done)
    error = asio::error::connection_reset;
  return step.bytes;
}

// Sends what may leave, reads what is wanted, ends what is over.
void Connection::pump() {
  while (conversation_.has_output()) {
    const std::string& output = conversation_.take_output();
    ErrorCode error;
    const size_t left = write_some(output, error);
    if (error && error != asio::error::would_block) return close();
    if (left < output.size()) {
      unread_bytes_ = output.capacity();
      unread_since_ = now();
      write(left);
      loop_.keep_unread(*this, unread_bytes_);
      break;
    }
    conversation_.sent();
  }
  if (conversation_.over()) {
    if (conversation_.cut())
      close();
    else
      linger();
  } else if (!reading_ && conversation_.wants_input()) {
    read();
  }
}

void Connection::read() {
  reading_ = true;
  if (tls_) {
    if (!tls_->may_read()) return when(TlsNext::when_readable, &Connection::read_tls);
    return asio::post(loop_.io(), [self = shared_from_this()] {
      if (!self->closed_) self->read_tls();
    });
  }
  const std::span<char> room = conversation_.room();
  socket_.async_read_some(asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const ErrorCode& error, size_t bytes) {
                            self->reading_ = false;
                            if (self->closed_) return;
                            if (self->lingering_) return self->discard();
                            if (!error)
                              self->conversation_.received(bytes);
                            else if (error == asio::error::eof)
                              self->conversation_.peer_finished();
                            else
                              return self->close();
                            self->pump();
                          });
}

void Connection::write(size_t from) {
  if (tls_) {
    written_ = from;
    return when(write_waits_for_, &Connection::write_tls);
  }
  const std::string& output = conversation_.take_output();
  socket_.async_write_some(asio::buffer(output.data() + from, output.size() - from),
                           [self = shared_from_this(), from](const ErrorCode& error, size_t bytes) {
                             if (self->closed_) return;
                             if (error) return self->close();
                             self->unread_since_ = self->now();
                             self->conversation_.progressed();
                             if (from + bytes < self->conversation_.take_output().size())
                               return self->write(from + bytes);
                             self->loop_.forget_unread(std::exchange(self->unread_bytes_, 0));
                             self->conversation_.sent();
                             self->pump();
                           });
}

// A close while bytes are unread would reset the connection, and the client might lose the last reply.
void Connection::linger() {
  if (std::exchange(lingering_, true)) return;
  linger_began_ = now();
  if (tls_) tls_->say_goodbye();
  ErrorCode error;
  socket_.shutdown(Tcp::socket::shutdown_send, error);
  if (error)
    close();
  else if (!reading_)
    discard();
}

void Connection::discard() {
  reading_ = true;
  socket_.async_read_some(asio::buffer(discarded_), [self = shared_from_this()](const ErrorCode& error, size_t) {
    self->reading_ = false;
    if (self->closed_) return;
    if (error)
      self->close();
    else
      self->discard();
  });
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  const ConnectionPtr self = shared_from_this();  // the loop's list may hold the last one
  conversation_.abandon();
  loop_.forget_unread(std::exchange(unread_bytes_, 0));
  ErrorCode ignored;
  socket_.close(ignored);
  loop_.removed(*this);
}

// ---- Connection: what is different with TLS

void Connection::when(TlsNext next, void (Connection::*go_on)()) {
  const auto what = next == TlsNext::when_readable ? Tcp::socket::wait_read : Tcp::socket::wait_write;
  socket_.async_wait(what, [self = shared_from_this(), go_on](const ErrorCode& error) {
    if (self->closed_) return;
    if (error)
      self->close();
    else
      (*self.*go_on)();
  });
}

void Connection::shake_hands() {
  const TlsNext next = tls_->shake_hands().next;
  switch (next) {
    case TlsNext::done:
      shaking_hands_ = false;
      conversation_.progressed();  // its idle time begins here
      return talk();
    case TlsNext::when_readable:
    case TlsNext::when_writable: return when(next, &Connection::shake_hands);
    case TlsNext::plain_http:
      loop_.shared().handshakes_failed.add();
      shaking_hands_ = false;
      tls_.reset();
      conversation_.refuse(400, "this port speaks HTTPS: the address begins with https://");
      return pump();
    case TlsNext::peer_finished:
    case TlsNext::failed:
      // Who came and went without a word only looked whether the port is open.
      if (tls_->heard_something()) loop_.shared().handshakes_failed.add();
      shaking_hands_ = false;
      return linger();  // an alert may be on its way
  }
}

void Connection::read_tls() {
  reading_ = false;
  if (lingering_) return discard();
  const std::span<char> room = conversation_.room();
  const TlsStep step = tls_->read(room);
  switch (step.next) {
    case TlsNext::done: conversation_.received(step.bytes); return pump();
    case TlsNext::peer_finished: conversation_.peer_finished(); return pump();
    case TlsNext::when_readable:
    case TlsNext::when_writable: reading_ = true; return when(step.next, &Connection::read_tls);
    case TlsNext::plain_http:
    case TlsNext::failed: return close();
  }
}

void Connection::write_tls() {
  conversation_.progressed();  // the socket took what it had
  const std::string_view output = conversation_.take_output();
  ErrorCode error;
  written_ += write_some(output.substr(written_), error);
  if (error && error != asio::error::would_block) return close();
  if (written_ < output.size()) return write(written_);
  conversation_.sent();
  pump();
}

bool Connection::run_in_pool(const Route& route) {
  Shared& shared = loop_.shared();
  if (shared.pool_requests.fetch_add(1) >= shared.options.pool_queue_max) {
    shared.pool_requests.fetch_sub(1);
    return false;
  }
  asio::post(shared.pool, [self = shared_from_this(), &route, &shared]() mutable {
    Reply reply = run_handler(route, self->conversation_.request());
    shared.pool_requests.fetch_sub(1);
    asio::io_context& io = self->loop_.io();
    asio::post(io, [self = std::move(self), reply = std::move(reply)]() mutable {
      if (self->closed_) return;
      self->conversation_.answered(std::move(reply));
      self->pump();
    });
  });
  return true;
}

// ---- Loop

Loop::Loop(Shared& shared)
    : shared_(shared),
      work_(asio::make_work_guard(io_)),
      sweep_timer_(io_),
      came_round_(shared.clock.steady()),
      date_(http_date(shared.clock.now())),
      body_bytes_max_(shared.options.bodies_bytes_max / static_cast<size_t>(std::max(1, shared.options.threads))),
      unread_bytes_max_(shared.options.unread_bytes_max / static_cast<size_t>(std::max(1, shared.options.threads))) {
  mailbox_->loop.with([this](Loop*& loop) { loop = this; });
  for (const Route& route : shared.router.routes())
    meters_.emplace_back(shared.metrics, std::string(to_string(route.method)) + " " + route.pattern);
  meters_.emplace_back(shared.metrics, "none");
}

void Loop::run() {
  sweep_later();
  io_.run();
}

void Loop::begin(Tcp::socket socket) {
  ErrorCode error;
  socket.non_blocking(true, error);
  if (!error) socket.set_option(Tcp::no_delay(true), error);
  if (error || draining_) return;  // it is gone already, or too late

  std::unique_ptr<TlsStream> tls;
  if (shared_.options.tls) {
    tls = shared_.options.tls->stream(socket.native_handle());
    if (!tls) return;  // no memory
  }
  const auto connection = std::make_shared<Connection>(*this, std::move(socket), std::move(tls));
  const bool too_many = shared_.connections.fetch_add(1) >= shared_.options.connections_max;
  if (too_many) {
    shared_.connections.fetch_sub(1);
    if (shared_.refusals.fetch_add(1) >= shared_.options.refusals_max) {
      shared_.refusals.fetch_sub(1);
      return;
    }
  }
  connection->index = connections_.size();
  connections_.push_back(connection);
  connection->refused = too_many;
  if (!too_many) shared_.connections_gauge.add(1);
  connection->begin();
}

void Loop::removed(Connection& connection) {
  if (connection.refused) {
    shared_.refusals.fetch_sub(1);
  } else {
    shared_.connections.fetch_sub(1);
    shared_.connections_gauge.add(-1);
  }
  const size_t index = connection.index;
  connections_[index].swap(connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  leave_when_empty();
}

void Loop::hold(ConnectionPtr connection) {
  held_.push_back(std::move(connection));
  // Behind every handler that is ready now, so that what they append shares the sync.
  if (held_.size() == 1) asio::post(io_, [this] { commit(); });
}

void Loop::commit() {
  releasing_.swap(held_);
  const Result<void> result = shared_.durability.commit();
  if (!result) {
    log::error("nothing can be made durable any more", {{"why", result.error().message}});
    shared_.durability.on_failure(result.error());
  }
  for (const ConnectionPtr& connection : releasing_) connection->committed(result ? Committed::yes : Committed::no);
  releasing_.clear();
}

Loop::Waiters::iterator Loop::wait_visible(uint64_t offset, ConnectionPtr connection) {
  const auto waiter = waiting_.emplace(offset, std::move(connection));
  watch(offset);
  return waiter;
}

// One call of Progress at a time, for the lowest offset: what it keeps does not grow with the requests.
void Loop::watch(uint64_t offset) {
  if (offset >= watched_) return;
  watched_ = offset;
  shared_.progress.when(offset, [mailbox = mailbox_] {
    mailbox->loop.with([](Loop* loop) {
      if (loop) asio::post(loop->io_, [loop] { loop->look_at_visible(); });
    });
  });
}

void Loop::look_at_visible() {
  watched_ = nothing_watched;
  const uint64_t visible = shared_.progress.visible();
  while (!waiting_.empty() && waiting_.begin()->first <= visible) {
    const ConnectionPtr connection = waiting_.extract(waiting_.begin()).mapped();
    connection->became_visible();
  }
  if (!waiting_.empty()) watch(waiting_.begin()->first);
}

bool Loop::take_body_bytes(size_t bytes) {
  if (bytes > body_bytes_max_ - body_bytes_) return false;
  body_bytes_ += bytes;
  return true;
}

// Who takes nothing makes room for those who do; not for the reply at hand, which may be larger than all that is allowed.
void Loop::keep_unread(Connection& reader, size_t bytes) {
  unread_bytes_ += bytes;
  while (unread_bytes_ > unread_bytes_max_) {
    Connection* slowest = nullptr;
    for (const ConnectionPtr& connection : connections_) {
      if (connection.get() == &reader || connection->unread_bytes() == 0) continue;
      if (!slowest || connection->unread_since() < slowest->unread_since()) slowest = connection.get();
    }
    if (!slowest) return;
    slowest->close();
  }
}

void Loop::count(const Route* route, int status, Moment began) {
  RouteMeter& meter = route ? meters_[shared_.router.index_of(*route)] : meters_.back();
  meter.count(status, std::chrono::duration<double>(shared_.clock.steady() - began).count());
}

void Loop::sweep_later() {
  sweep_timer_.expires_after(shared_.options.sweep_every);
  sweep_timer_.async_wait([this](const ErrorCode& error) {
    if (!error) sweep();
  });
}

void Loop::sweep() {
  came_round_ = shared_.clock.steady();
  date_ = http_date(shared_.clock.now());
  // Backwards: one that closes is replaced by the last, which has been looked at.
  for (size_t i = connections_.size(); i-- > 0;)
    if (i < connections_.size()) ConnectionPtr(connections_[i])->sweep();
  if (!draining_ || !connections_.empty()) sweep_later();
}

void Loop::drain() {
  draining_ = true;
  for (size_t i = connections_.size(); i-- > 0;)
    if (i < connections_.size()) ConnectionPtr(connections_[i])->drain();
  leave_when_empty();
}

void Loop::cut_off() {
  draining_ = true;
  while (!connections_.empty()) ConnectionPtr(connections_.back())->close();
  leave_when_empty();
}

void Loop::leave_when_empty() {
  if (!draining_ || !connections_.empty()) return;
  sweep_timer_.cancel();
  work_.reset();
}

// ---- Server

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
    shared_.pool.join();  // its last answers find the loops still there
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
  acceptor_->async_accept(loop.io(), [this, &loop](const ErrorCode& error, Tcp::socket socket) {
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
