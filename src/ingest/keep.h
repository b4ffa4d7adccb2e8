// ingest/keep.h — makes what is visible durable from time to time, and trims the journal below it once the books balance.
//
// Invariant: a journal segment goes only when everything in it is durable in the store and its books equal the store's.
// Threads:   run() in a thread of its own.
// Failure:   a store that cannot flush, or books that differ, keep the journal as it is, and Health says so.
#pragma once

#include <mutex>
#include <stop_token>

#include "base/health.h"
#include "ingest/books.h"

namespace waybill::ingest {

struct KeepOptions {
  std::string trimmed_path;  // the data folder's `trimmed`
  std::chrono::milliseconds flush_every{60'000};  // a start after a crash has to put again at most so much time
  uint64_t flush_records_max = 500'000;  // and about so many records
  uint64_t journal_keep_bytes = 1 << 30;  // newest part of the journal that stays although it could go
};

class Keeper {
 public:
  Keeper(journal::Journal& journal, store::Store& store, Files& files, Health& health, Clock& clock, Metrics& metrics,
         KeepOptions options);

  void run(std::stop_token stop);
  Result<void> flush();  // from any thread
  // When it is time: flush, then trim; tells Health.
  void step();
  // While it is held nothing is trimmed, so that what a backup reads stays. Waits for a trim that runs.
  std::unique_lock<std::mutex> hold_trim() { return std::unique_lock(trimming_); }
  // Removes what may go, nothing while it is held; returns the journal's first offset after it.
  Result<uint64_t> trim();

 private:
  void publish();  // the watermarks, to the metrics
  // Up to where the journal may go: a multiple of ledger_span, at most the store's durable watermark.
  uint64_t trim_end() const;

  journal::Journal& journal_;
  store::Store& store_;
  Files& files_;
  Health& health_;
  Clock& clock_;
  KeepOptions options_;
  std::chrono::steady_clock::time_point flushed_at_;
  std::mutex flushing_;  // a backup flushes too
  std::mutex trimming_;
  Gauge& durable_;
  Gauge& visible_;
  Gauge& journal_begin_;
  Gauge& journal_end_;
  Histogram& flush_seconds_;
  Counter& flush_failures_;
};

}  // namespace waybill::ingest
