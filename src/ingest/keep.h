// ingest/keep.h — makes what is visible durable from time to time, trims the journal below it once the books balance, and lets
// the store go of what is too old or too much.
//
// Invariant: a journal segment goes only when everything in it is durable with every consumer (the store; the lake, where there
//            is one) and the journal's books of it equal theirs.
//            The store lets go of positions only when the journal's books of them are closed (docs/FORMATS.md, trimmed): first
//            `trimmed`, then the store's watermark, then rows and segments. Killed anywhere, the books balance.
// Threads:   run() in a thread of its own; flush(), hold_trim(), trim() and let_go_before() from any.
// Failure:   a store that cannot flush, or books that differ, keep the journal as it is, and Health says so.
#pragma once

#include <mutex>
#include <stop_token>

#include "base/health.h"
#include "ingest/books.h"
#include "ingest/retention.h"

namespace waybill::ingest {

// Who else takes custody of what the journal holds, and has to have it before it goes from journal or store.
struct Consumer {
  std::string name;
  std::function<uint64_t()> durable;  // it has everything below
  // Its books; nothing where it has none of these. Not given: it keeps none.
  std::function<std::optional<store::Sum>(uint64_t from, uint64_t to)> sum{};
  // Reads again what it has of these, before the store lets go of them; corrupt where it is not what its books say.
  std::function<Result<void>(uint64_t from, uint64_t to)> reread = [](uint64_t, uint64_t) { return Result<void>(); };
};

struct KeepOptions {
  std::string trimmed_path;  // the data folder's `trimmed`
  std::chrono::milliseconds flush_every{60'000};  // a start after a crash has to put again at most so much time
  uint64_t flush_records_max = 500'000;  // and about so many records
  uint64_t journal_keep_bytes = 1 << 30;  // newest part of the journal that stays although it could go, by size
  std::chrono::days keep{0};  // what was received longer ago goes from journal and store; 0: nothing does by its age
  std::string store_folder{};  // measured for …
  uint64_t store_bytes_max = 0;  // beyond it the oldest goes; 0: the disk is the limit
  std::vector<Consumer> consumers{};  // beside the store
};

class Keeper {
 public:
  Keeper(journal::Journal& journal, store::Store& store, Files& files, Health& health, Clock& clock, Metrics& metrics,
         KeepOptions options);

  void run(std::stop_token stop);
  Result<void> flush();  // from any thread
  // When it is time: flush, then trim and let go; tells Health.
  void step(std::stop_token stop = {});
  // While it is held nothing is trimmed, so that what a backup reads stays. Waits for a trim that runs.
  std::unique_lock<std::mutex> hold_trim() { return std::unique_lock(trimming_); }
  // Removes what may go from the journal, in any case what is below `let_go`, and nothing while it is held; returns the
  // journal's first offset after it.
  Result<uint64_t> trim(uint64_t let_go = 0);
  // Lets the store go of what it may; clears away until all is cleared, it is time to flush again, or stop is asked for.
  Result<void> let_go(std::stop_token stop = {});
  // The same, once, of all that was received before, whatever the options say: the store's purged offset after it. What is not
  // cleared away when stop is asked for goes with the next let_go(). From any thread.
  Result<uint64_t> let_go_before(Time before, std::stop_token stop);

 private:
  void publish();  // the watermarks, to the metrics
  uint64_t durable() const;  // with the store and every other consumer, in whole spans of the books
  // Up to where the journal may go: a multiple of ledger_span, at most durable().
  uint64_t trim_end(uint64_t let_go) const;
  // Whether every consumer's books of [from, to) say what the journal's do.
  Result<void> compare(uint64_t from, uint64_t to, const store::Sum& journal) const;
  bool is_due() const;
  Result<uint64_t> store_bytes();
  Result<uint64_t> let_go_end(uint64_t store_bytes);
  // Positions below `end`: read again where others have them, booked as trimmed, then let go of by the store.
  Result<void> purge(uint64_t end);
  Result<void> clear_away(uint64_t end);  // some of what was let go of

  journal::Journal& journal_;
  store::Store& store_;
  Files& files_;
  Health& health_;
  Clock& clock_;
  KeepOptions options_;
  std::chrono::steady_clock::time_point flushed_at_;
  std::mutex flushing_;  // a backup flushes too
  std::mutex trimming_;
  std::mutex letting_go_;  // a command lets go too
  PrudentDate date_;
  bool clearing_ = true;  // rows of what was let go may be left
  Gauge& durable_;
  Gauge& visible_;
  Gauge& journal_begin_;
  Gauge& journal_end_;
  Gauge& store_bytes_;
  Gauge& purged_;
  Counter& purged_total_;
  Histogram& flush_seconds_;
  Counter& flush_failures_;
};

}  // namespace waybill::ingest
