// ingest/relay.h — hands a journal's records on to a broker's line, each position at least once and in order.
//
// Delivery: to a broker that keeps: from behind the newest parcel of the line on; handed on is what the broker has acknowledged.
//           Over one that does not: from where the slowest follower that is heard says that it is; handed on is what all of them
//           have on their disks, and what is missed, or not confirmed within `patience`, is sent again. So such a broker may lose
//           what it likes, and a follower that is away holds up trimming only.
// Threads:  run() in a thread of its own; handed_on() and trouble() from any.
// Failure:  none ends it. Whatever it is, it is told in the log and by trouble(), and tried again from the beginning: nothing waits
//           for a relay but trimming, and what acknowledges must not stop for it.
// Limits:   under_way_max.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <stop_token>

#include "base/guarded.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "ingest/followers.h"

namespace waybill::ingest {

struct RelayOptions {
  std::string topic;
  uint64_t journal_id = 0;  // not 0
  std::vector<std::string> followers{};  // who must have it, over a broker that does not keep
  std::chrono::milliseconds patience{2000};
  // Until the journal may have more than this, the time is over or stop is asked for.
  std::function<void(uint64_t offset, std::chrono::milliseconds at_most, const std::stop_token& stop)> wait;
  std::function<Result<void>(Position below)> note;  // handed on, durably: from now and then on
};

class Relay {
 public:
  // Parcels sent and not confirmed: below what brokers queue for one who is away (Mosquitto: 1000 messages).
  static constexpr size_t under_way_max = 500;

  Relay(journal::Source& journal, broker::Broker& broker, RelayOptions options, Clock& clock, Metrics& metrics);

  void run(const std::stop_token& stop);
  // Everything below may go from the journal, for all the relay cares.
  uint64_t handed_on() const { return handed_on_; }
  // Why it does not get on now; empty: it does.
  std::string trouble() const {
    return trouble_.with([](const std::string& why) { return why; });
  }

 private:
  Result<void> open();
  Result<void> go_behind_newest(broker::Inbox& line);
  Result<uint64_t> end_of(const Parcel& parcel);
  Result<bool> step(const std::stop_token& stop);
  Result<bool> send_some();
  Result<void> confirm();
  Result<void> hear_receipts(std::chrono::milliseconds at_most);
  void go_back(uint64_t to);
  void confirmed(uint64_t below);
  Result<void> note();
  void stands(const std::string& why);

  journal::Source& journal_;
  broker::Broker& broker_;
  const RelayOptions options_;
  Clock& clock_;
  const broker::Line line_;
  std::unique_ptr<broker::Outbox> outbox_;
  std::unique_ptr<broker::Inbox> receipts_;  // over a broker that does not keep
  Followers followers_;
  uint64_t next_ = 0;  // to be sent
  bool begun_ = false;  // next_ is known
  bool full_ = false;  // the outbox takes no more now
  std::deque<uint64_t> under_way_;  // the ends of parcels that are sent and not confirmed
  uint64_t acknowledged_ = 0;  // messages of outbox_
  uint64_t confirmed_ = 0;  // by the slowest that is heard
  std::optional<uint64_t> went_back_to_;  // last
  std::chrono::steady_clock::time_point moved_{};  // when anything was confirmed or sent again, the last time
  std::atomic<uint64_t> handed_on_{0};
  bool known_ = false;  // handed_on_ is
  std::optional<uint64_t> noted_;
  std::chrono::steady_clock::time_point noted_at_{};
  Guarded<std::string> trouble_;
  Counter& records_;
  Counter& parcels_;
  Counter& again_;
  Counter& foreign_;
  Gauge& lag_;
  Gauge& working_;
};

// Up to where a journal is handed on, in a file of its data folder: who trims the journal may be another process.
// Format: docs/FORMATS.md, The data folder.
struct Relayed {
  Position below{};
  std::string to;  // which broker, topic and followers; without line breaks
};
Result<void> write_relayed(Files& files, const std::string& path, const Relayed& relayed);
Result<Relayed> read_relayed(Files& files, const std::string& path);  // not_found where there is none yet

}  // namespace waybill::ingest
