// ingest/relay.h — hands a journal's records on to a broker's line, each position at least once and in order.
//
// Delivery: to a broker that keeps: from behind the newest parcel of the line on; handed on is what the broker has acknowledged.
//           Over one that does not: from where its followers say that they are; handed on is what all of them have on their disks,
//           and what they miss, or do not confirm within `patience`, is sent again. So such a broker may lose what it likes.
// Threads:  run() in a thread of its own, handed_on() from any.
// Failure:  a broker that cannot be reached is tried again for ever; nothing waits for it but trimming. conflict, corrupt and what the broker refuses
//           for good end run(): the line has parcels of another journal, or one of the journal's records cannot be read.
// Limits:   under_way_max.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "ingest/parcel.h"

namespace waybill::ingest {

struct RelayOptions {
  std::string topic;
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

  Result<void> run(const std::stop_token& stop);
  // Everything below may go from the journal, for all the relay cares.
  uint64_t handed_on() const { return handed_on_; }

 private:
  Result<void> open();
  Result<void> go_behind_newest(broker::Inbox& line);
  Result<void> check_that_we_have(uint64_t below, const std::string& who);
  Result<bool> step(const std::stop_token& stop);
  Result<bool> send_some();
  Result<void> confirm();
  Result<void> hear_receipts(std::chrono::milliseconds at_most);
  Result<void> hear(const Receipt& receipt);
  void go_back();
  void confirmed(uint64_t below);
  std::optional<uint64_t> lowest_mark() const;
  Result<void> note();
  void stands(const std::string& why);

  journal::Source& journal_;
  broker::Broker& broker_;
  const RelayOptions options_;
  Clock& clock_;
  const broker::Line line_;
  std::unique_ptr<broker::Outbox> outbox_;
  std::unique_ptr<broker::Inbox> receipts_;  // over a broker that does not keep
  uint64_t next_ = 0;  // to be sent
  bool begun_ = false;  // next_ is known
  std::deque<uint64_t> under_way_;  // the ends of parcels that are sent and not confirmed
  uint64_t acknowledged_ = 0;  // messages of outbox_
  std::map<std::string, std::optional<uint64_t>> marks_;  // by follower: what it has
  std::chrono::steady_clock::time_point moved_{};  // when anything was confirmed or sent again, the last time
  std::atomic<uint64_t> handed_on_{0};
  uint64_t noted_ = 0;
  std::string stands_;  // why it does not get on now; empty: it does
  std::chrono::steady_clock::time_point noted_at_{};
  Counter& records_;
  Counter& parcels_;
  Counter& again_;
  Counter& foreign_;
  Gauge& lag_;
  Gauge& working_;
};

// Up to where a journal is handed on, in a file of its data folder: who trims the journal may be another process.
// Format: docs/FORMATS.md, relayed.
Result<void> write_relayed(Files& files, const std::string& path, const Position& below);
Result<Position> read_relayed(Files& files, const std::string& path);  // not_found where there is none yet

}  // namespace waybill::ingest
