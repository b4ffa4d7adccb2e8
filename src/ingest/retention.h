// ingest/retention.h — which positions the store may let go: by their age, or until it fits its budget.
//
// Threads: pure functions; a PrudentDate belongs to one thread.
#pragma once

#include <optional>
#include <span>

#include "base/clock.h"
#include "store/store.h"

namespace waybill::ingest {

// The largest boundary below which every position was received before `before`. Where it is not known when the records of a
// ledger were received, they came before those of the next one.
uint64_t aged_end(std::span<const store::Ledger> ledgers, Time before);

// How far the store has to let go, oldest first, to be an eighth below `bytes_max`, so that it is not asked each time; what is
// purged already where it fits.
uint64_t oversized_end(const store::Watermarks& marks, uint64_t bytes, uint64_t bytes_max);

// The date by which age is counted: the clock's, but one that leaps ahead is believed only when it has stayed there for a day,
// since what is let go does not come back when the clock is put right.
class PrudentDate {
 public:
  explicit PrudentDate(Clock& clock) : clock_(clock), wall_(clock.now()), steady_(clock.steady()) {}
  Time now();

 private:
  static constexpr Duration leap_min = std::chrono::hours(1);
  static constexpr Duration believed_after = std::chrono::hours(24);

  Clock& clock_;
  Time wall_;  // the clock's, when it was believed last
  std::chrono::steady_clock::time_point steady_;
  std::optional<std::chrono::steady_clock::time_point> leapt_;  // since when it is ahead
};

}  // namespace waybill::ingest
