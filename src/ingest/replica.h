// ingest/replica.h — writes a journal that is another's: what a relay hands on, at the positions that it has there.
//
// Delivery: the journal gets each record once, without gaps; what comes twice is passed over, and over a broker that does not keep
//           the relay hears what is on this disk and what is missed.
// Threads:  run() in a thread of its own. Nobody else appends to the journal.
// Failure:  a broker that cannot be reached or refuses us, and a full disk, are tried again for ever, told in Health. conflict: the line
//           is of another journal. corrupt: the broker has let go of records that are missing here, or the journal has failed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/health.h"
#include "base/metrics.h"
#include "broker/broker.h"
#include "ingest/parcel.h"
#include "journal/journal.h"

namespace waybill::ingest {

struct ReplicaOptions {
  std::string topic;
  std::string name;  // of this follower; is_follower_name()
  uint64_t journal_id =
      0;  // of the one that it follows; 0: of whichever comes first, which `adopt` is told before anything is kept
  std::function<Result<void>(uint64_t journal_id)> adopt;
};

class Replica {
 public:
  Replica(journal::Journal& journal, broker::Broker& broker, ReplicaOptions options, Clock& clock, Health& health,
          Metrics& metrics);

  Result<void> run(const std::stop_token& stop);

 private:
  Result<void> open();
  Result<void> try_to_open();
  Result<void> go_to_next();
  Result<void> check(const Parcel& parcel);
  Result<void> append(const journal::Records& records);
  Result<uint64_t> first_at(uint64_t place);
  Result<void> step();
  Result<void> take(const Parcel& parcel);
  Result<void> missed(uint64_t first);
  Result<void> tell(bool missing);

  journal::Journal& journal_;
  broker::Broker& broker_;
  const ReplicaOptions options_;
  Clock& clock_;
  Health& health_;
  const broker::Line line_;
  std::unique_ptr<broker::Inbox> inbox_;
  std::unique_ptr<broker::Outbox> receipts_;  // over a broker that does not keep
  uint64_t end_;  // behind what was appended
  uint64_t journal_id_;
  std::optional<std::chrono::steady_clock::time_point> gap_since_;  // what comes does not begin there
  int looked_for_ = 0;  // how often that was, in a line that keeps, without success
  std::chrono::steady_clock::time_point heard_at_{};
  std::chrono::steady_clock::time_point told_at_{};
  uint64_t told_ = 0;
  Counter& records_;
  Counter& repeats_;
  Counter& gaps_;
  Counter& foreign_;
};

}  // namespace waybill::ingest
