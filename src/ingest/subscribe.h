// ingest/subscribe.h — carries records from the journal into the store, at its own pace, from the store's own watermark on.
//
// Delivery: each position is put at least once; the store keeps it once.
// Threads:  run() in a thread of its own; while much waits it starts another, which reads the next batch.
// Failure:  overloaded and unavailable are tried again for ever, told in Health; corrupt ends run().
#pragma once

#include <array>
#include <future>
#include <memory>
#include <stop_token>

#include "base/health.h"
#include "ingest/feed.h"
#include "ingest/progress.h"
#include "journal/journal.h"
#include "store/store.h"

namespace waybill::ingest {

// Journal and store tell of the same positions: corrupt when the journal ends below what the store has durable (bytes that
// were acknowledged are gone) or begins above it; conflict when they are of different epochs or partitions.
Result<void> check_agreement(const journal::Journal& journal, const store::Store& store);

class Subscriber {
 public:
  static constexpr size_t batch_bytes_max = 1 << 20;  // of records read from the journal and put at once

  // `feed` outlives it; null: nobody is told of what happens.
  Subscriber(journal::Journal& journal, store::Store& store, Progress& progress, Health& health, Clock& clock,
             Metrics& metrics, Feed* feed = nullptr);

  // Until stop is asked for, and then until everything durable is put.
  Result<void> run(std::stop_token stop);

  // One batch, if there is one: how many records were put.
  Result<size_t> step();

 private:
  // Records of the journal, and what they say; `entries` point into `read`, so it stays where it is.
  struct Batch {
    journal::ReadResult read;
    std::vector<store::Entry> entries;
  };
  using Read = Result<std::unique_ptr<const Batch>>;

  Read read(uint64_t offset);
  void observe(std::span<const store::Entry> entries);

  journal::Journal& journal_;
  store::Store& store_;
  Progress& progress_;
  Health& health_;
  Clock& clock_;
  Feed* feed_;
  std::vector<Event> events_;  // of the batch at hand
  uint64_t next_ = 0;
  Counter& put_;
  std::array<Counter*, store::outcome_count> taken_;  // by Outcome
  std::array<uint64_t, store::outcome_count> counted_;  // of the store's own counts
  Counter& undecodable_;
  Gauge& lag_;
  Histogram& put_seconds_;
  Histogram& received_to_visible_seconds_;
  Histogram& fix_to_visible_seconds_;
  std::unique_ptr<const Batch> at_hand_;  // begins at next_; stays until it is put
  std::future<Read> ahead_;  // of what stands behind it, where much waits
};

}  // namespace waybill::ingest
