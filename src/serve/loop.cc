#include "serve/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/log.h"
#include "serve/connection.h"
#include "serve/poller.h"

namespace waybill::serve {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

struct Loop::Asio {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{asio::make_work_guard(io)};
  asio::steady_timer sweep_timer{io};
  Poller poller{io};
};

Shared::Shared(ServerOptions server_options, std::vector<Route> routes, Door& the_door, Durability how,
               ingest::Progress& visible_progress, Metrics& all_metrics, Clock& the_clock)
    : options(std::move(server_options)),
      limits{.parser = {.header_bytes_max = options.header_bytes_max, .body_bytes_max = options.body_bytes_max},
             .inline_body_bytes_max = options.inline_body_bytes_max,
             .idle_ms_max = options.idle_ms_max,
             .request_ms_max = options.request_ms_max,
             .write_ms_max = options.write_ms_max,
             .read_wait_ms_max = options.read_wait_ms_max,
             .heartbeat_ms = options.heartbeat_ms,
             .retry_ms = options.retry_ms},
      router(std::move(routes)),
      door(the_door),
      durability(std::move(how)),
      progress(visible_progress),
      metrics(all_metrics),
      clock(the_clock),
      connections_gauge(metrics.gauge("waybill_http_connections", "connections that are open")),
      handshakes_failed(metrics.counter("waybill_http_handshakes_failed_total",
                                        "connections that did not come to speak TLS: cut for time, or not TLS")),
      sse_meter(metrics, Transport::sse),
      websocket_meter(metrics, Transport::websocket),
      pool(std::make_unique<asio::thread_pool>(static_cast<size_t>(std::max(1, options.pool_threads)))) {}

Shared::~Shared() = default;

RouteMeter::RouteMeter(Metrics& metrics, std::string name)
    : metrics_(metrics),
      name_(std::move(name)),
      seconds_(metrics.histogram("waybill_http_request_seconds", "from a request's first byte to its answer",
                                 duration_bounds(), {{"route", name_}})) {}

void RouteMeter::count(int status, double seconds) {
  seconds_.observe(seconds);
  for (auto& [known, counter] : counters_)
    if (known == status) return counter->add();
  Counter& counter = metrics_.counter("waybill_http_requests_total", "requests answered",
                                      {{"route", name_}, {"status", std::to_string(status)}});
  counters_.emplace_back(status, &counter);
  counter.add();
}

Loop::Loop(Shared& shared)
    : shared_(shared),
      asio_(std::make_unique<Asio>()),
      came_round_(shared.clock.steady()),
      date_(http_date(shared.clock.now())),
      random_(random_seed()),
      body_bytes_max_(shared.options.bodies_bytes_max / static_cast<size_t>(std::max(1, shared.options.threads))),
      unread_bytes_max_(shared.options.unread_bytes_max / static_cast<size_t>(std::max(1, shared.options.threads))) {
  mailbox_->with([this](Mail& mail) { mail.loop = this; });
  for (const Route& route : shared.router.routes())
    meters_.emplace_back(shared.metrics, std::string(to_string(route.method)) + " " + route.pattern);
  meters_.emplace_back(shared.metrics, "none");
}

Loop::~Loop() = default;

asio::io_context& Loop::io() { return asio_->io; }
Poller& Loop::poller() { return asio_->poller; }

void Loop::run() {
  asio_->poller.begin();
  sweep_later();
  io().run();
}

void Loop::begin(TcpSocket socket) {
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
  if (held_.size() == 1) asio::post(io(), [this] { commit(); });
}

void Loop::commit() {
  // Who has asked meanwhile shares the sync.
  for (int looks = 0; looks < looks_before_commit_max && poller().look(); ++looks) {
  }
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
    mailbox->with([](const Mail& mail) {
      if (mail.loop) asio::post(mail.loop->io(), [loop = mail.loop] { loop->look_at_visible(); });
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

// However many are woken, and how often, the loop hears of it once.
std::function<void()> Loop::wake_of(WakerPtr waker) const {
  return [mailbox = mailbox_, waker = std::move(waker)] {
    if (waker->woken.exchange(true)) return;
    mailbox->with([&](Mail& mail) {
      if (!mail.loop) return;
      mail.woken.push_back(waker);
      if (!std::exchange(mail.opening, true))
        asio::post(mail.loop->io(), [loop = mail.loop] { loop->look_at_woken(); });
    });
  };
}

void Loop::look_at_woken() {
  if (turns_.empty()) {
    mailbox_->with([this](Mail& mail) { turns_.swap(mail.woken); });
    std::ranges::reverse(turns_);
  }
  for (size_t turn = 0; turn < turns_max && !turns_.empty(); ++turn) {
    const WakerPtr waker = std::move(turns_.back());
    turns_.pop_back();
    waker->woken = false;  // before it is told: what happens from now on wakes it again
    if (waker->connection) ConnectionPtr(waker->connection->shared_from_this())->woken();
  }
  mailbox_->with([this](Mail& mail) {
    mail.opening = !turns_.empty() || !mail.woken.empty();
    if (mail.opening) asio::post(io(), [this] { look_at_woken(); });
  });
}

void Loop::no_more_wakeups() {
  std::vector<WakerPtr> woken;
  mailbox_->with([&](Mail& mail) {
    mail.loop = nullptr;
    mail.woken.swap(woken);  // they hold the mailbox
  });
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
    slowest->cut_slow();
  }
}

void Loop::count(const Route* route, int status, Moment began) {
  RouteMeter& meter = route ? meters_[shared_.router.index_of(*route)] : meters_.back();
  meter.count(status, std::chrono::duration<double>(shared_.clock.steady() - began).count());
}

void Loop::sweep_later() {
  asio_->sweep_timer.expires_after(shared_.options.sweep_every);
  asio_->sweep_timer.async_wait([this](const ErrorCode& error) {
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
  poller().look();
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
  asio_->sweep_timer.cancel();
  asio_->work.reset();
  asio_->poller.end();
}

}  // namespace waybill::serve
