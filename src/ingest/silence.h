// ingest/silence.h — says of an order under way that nothing is heard of it, once nothing was for a while.
//
// Delivery: what it says is a journal record, with the custody of any other; said again after a crash, it counts once.
// Threads:  run() in a thread of its own.
// Failure:  what cannot be said now is said later; told in the log, and in Health by who cannot write.
// Limits:   an order that was heard of before window_max ago is let be: nobody waits for it any more.
#pragma once

#include <stop_token>

#include "base/metrics.h"
#include "ingest/accept.h"
#include "ingest/phone_words.h"
#include "store/store.h"

namespace waybill::ingest {

// That nothing was heard of the order since `heard_at`, and why.
OrderCommand silent_order(const Order& order, Time heard_at, const std::string& reason, Time now);

class Silence {
 public:
  static constexpr Duration window_max = std::chrono::hours(24);
  static constexpr size_t said_at_once_max = 500;

  // `after`: so long without news. `words`: what phones said of themselves; null: none says anything.
  Silence(journal::Journal& journal, const store::Store& store, Acceptor& acceptor, Clock& clock, Metrics& metrics,
          Duration after, const PhoneWords* words = nullptr);

  void run(std::stop_token stop);
  // One look, as of a moment of which the store shows everything; how many orders it spoke of. What it said is durable then.
  Result<size_t> step(Time moment);

 private:
  wire::Record said_of(const store::Unheard& unheard) const;

  journal::Journal& journal_;
  const store::Store& store_;
  Acceptor& acceptor_;
  Clock& clock_;
  const Duration after_;
  const PhoneWords* const words_;
  std::optional<Time> since_;  // nobody who was heard of before this has not been spoken of
  Counter& said_;
};

}  // namespace waybill::ingest
