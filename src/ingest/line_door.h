// ingest/line_door.h — the door to a line that is a journal: offers records to it, as one of several that do.
//
// Delivery: what offer() gives positions for the broker keeps (acks=all), and it has come back and stands in this process's own
//           journal, durably. Who is not told so may find it there nevertheless: what is sent again counts once.
// Threads:  offer() from any thread; came() from the one that writes what comes from the line; run() in a thread of its own.
// Failure:  offer: overloaded: too many are under way, nothing was taken. unavailable: the broker does not take it, or not in time.
//           invalid: more than a message may hold.
// Limits:   offers_at_once_max; while the broker is away probes_max, so that nobody else waits for it; offer_bytes_max; wait_max.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "ingest/parcel.h"
#include "journal/journal.h"

namespace waybill::ingest {

class LineDoor {
 public:
  static constexpr size_t offers_at_once_max = 128;
  static constexpr size_t probes_max = 4;
  static constexpr size_t offer_bytes_max = broker::message_bytes_max - 1024;  // encoded

  // wait_max: of one offer, until it is kept.
  LineDoor(broker::Broker& broker, broker::Line line, std::chrono::milliseconds wait_max, Clock& clock,
           Metrics& metrics);

  Result<journal::Appended> offer(const journal::Records& records);
  // The line has its opening: what is offered from now on counts. Before, everything is unavailable.
  void open();
  // An offer of anybody's has come: it is durable here, from this offset on.
  void came(uint64_t door, uint64_t number, uint64_t first);
  // Sends. What waits when it ends is unavailable.
  void run(const std::stop_token& stop);

 private:
  struct Waiting {
    std::string message;
    uint64_t count = 0;
    bool acknowledged = false;
    bool left = false;  // nobody waits for it any more
    std::optional<uint64_t> first;
    std::optional<Error> error;
    std::condition_variable changed;

    bool is_over() const { return error || (acknowledged && first); }
  };
  using WaitingPtr = std::shared_ptr<Waiting>;  // shared: by who waits and by who sends

  bool wait_for_offers(const std::stop_token& stop);
  Result<void> send();
  Result<void> confirm();
  void give_up(const Error& error);

  broker::Broker& broker_;
  const broker::Line line_;
  const std::chrono::milliseconds wait_max_;
  Clock& clock_;
  const uint64_t door_;
  std::mutex mutex_;
  std::condition_variable_any offered_;
  uint64_t next_number_ = 1;
  std::map<uint64_t, WaitingPtr> waiting_;  // by number
  std::deque<WaitingPtr> queue_;  // not sent yet
  bool open_ = false;
  bool away_ = false;  // nothing was acknowledged since something was given up
  // Of the thread that sends.
  std::unique_ptr<broker::Outbox> outbox_;
  std::deque<WaitingPtr> under_way_;  // sent and not acknowledged
  uint64_t acknowledged_ = 0;  // messages of outbox_
  Counter& kept_;
  Counter& failed_;
  Histogram& seconds_;
};

}  // namespace waybill::ingest
