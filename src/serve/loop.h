// serve/loop.h — one event loop of the server: its thread, its connections, its commits, and what all loops share.
//
// Threads: run() in a thread of its own; came_round() from any; everything else there, by posting to io().
#pragma once

#include <atomic>
#include <limits>
#include <map>

#include "base/guarded.h"
#include "base/random.h"
#include "serve/asio.h"
#include "serve/conversation.h"
#include "serve/server.h"

namespace waybill::serve {

// What all loops share; outlives them.
struct Shared {
  Shared(ServerOptions server_options, std::vector<Route> routes, Door& the_door, Durability how,
         ingest::Progress& visible_progress, Metrics& all_metrics, Clock& the_clock);
  ~Shared();

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
  const LiveMeter sse_meter;
  const LiveMeter websocket_meter;
  const std::unique_ptr<boost::asio::thread_pool> pool;
};

// The numbers of one route, looked up once for each status and loop.
class RouteMeter {
 public:
  RouteMeter(Metrics& metrics, std::string name);
  void count(int status, double seconds);

 private:
  Metrics& metrics_;
  std::string name_;
  Histogram& seconds_;
  std::vector<std::pair<int, Counter*>> counters_;
};

class Connection;
class Poller;
using ConnectionPtr = std::shared_ptr<Connection>;  // shared: each operation under way on its socket keeps it alive

// What a stream holds to ask for its turn; it may do so after the connection, and after the loop.
struct Waker {
  std::atomic<bool> woken{false};
  Connection* connection = nullptr;  // in the loop's thread; null when it is closed
};
using WakerPtr = std::shared_ptr<Waker>;  // shared: by the connection, the stream's wake and the loop's list

// One thread, its connections, its commits.
class Loop {
 public:
  explicit Loop(Shared& shared);
  ~Loop();

  boost::asio::io_context& io();
  Poller& poller();
  Shared& shared() { return shared_; }
  std::string_view date() const { return date_; }
  Moment came_round() const { return came_round_; }  // from any thread

  void begin(TcpSocket socket);  // in the loop's thread, as everything below
  void run();  // until drained or cut off
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
  std::function<void()> wake_of(WakerPtr waker) const;  // to be called from any thread
  WebSockets& websockets() { return websockets_; }
  uint64_t random() { return random_.next(); }
  void no_more_wakeups();  // from the thread that ends the server

 private:
  // Where the subscriber's thread knocks; it may do so after the loop is gone.
  struct Mail {
    Loop* loop = nullptr;
    std::vector<WakerPtr> woken;
    bool opening = false;  // a look_at_woken() is under way
  };
  using Mailbox = Guarded<Mail>;
  static constexpr int looks_before_commit_max = 4;
  static constexpr size_t turns_max = 64;  // of streams, before others of the loop have theirs
  static constexpr uint64_t nothing_watched = std::numeric_limits<uint64_t>::max();

  void commit();
  void watch(uint64_t offset);
  void look_at_visible();
  void look_at_woken();
  void sweep_later();
  void sweep();
  void leave_when_empty();

  Shared& shared_;
  WebSockets websockets_;
  struct Asio;
  const std::unique_ptr<Asio> asio_;
  std::atomic<Moment> came_round_;
  std::string date_;
  std::vector<RouteMeter> meters_;  // of the router's routes, then of what matched none
  std::vector<ConnectionPtr> connections_;
  std::vector<ConnectionPtr> held_;
  std::vector<ConnectionPtr> releasing_;
  Waiters waiting_;
  uint64_t watched_ = nothing_watched;  // the lowest offset that a call of Progress is under way for
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();  // shared with callbacks that others keep
  std::vector<WakerPtr> turns_;  // those who are to have their turn, the last one first
  Random random_;
  const size_t body_bytes_max_;
  size_t body_bytes_ = 0;
  const size_t unread_bytes_max_;
  size_t unread_bytes_ = 0;
  bool draining_ = false;
};

}  // namespace waybill::serve
