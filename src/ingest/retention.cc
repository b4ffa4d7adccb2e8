#include "ingest/retention.h"

#include <algorithm>

namespace waybill::ingest {

uint64_t aged_end(std::span<const store::Ledger> ledgers, Time before) {
  uint64_t end = 0;
  for (const store::Ledger& ledger : ledgers) {
    if (ledger.newest && *ledger.newest >= before) break;
    if (ledger.newest && ledger.to % store::ledger_span == 0) end = ledger.to;
  }
  return end;
}

uint64_t oversized_end(const store::Watermarks& marks, uint64_t bytes, uint64_t bytes_max) {
  const uint64_t kept = marks.visible - marks.purged;
  if (bytes <= bytes_max || kept == 0) return marks.purged;
  const double bytes_each = static_cast<double>(bytes) / static_cast<double>(kept);
  const double excess = static_cast<double>(bytes) - static_cast<double>(bytes_max) * 7 / 8;
  const auto spans = static_cast<uint64_t>(excess / bytes_each / static_cast<double>(store::ledger_span)) + 1;
  return marks.purged + std::min(spans * store::ledger_span, kept / store::ledger_span * store::ledger_span);
}

Time PrudentDate::now() {
  const Time wall = clock_.now();
  const auto steady = clock_.steady();
  const Time expected = wall_ + std::chrono::duration_cast<Duration>(steady - steady_);
  if (wall <= expected + leap_min || (leapt_ && steady - *leapt_ >= believed_after)) {
    wall_ = wall;
    steady_ = steady;
    leapt_.reset();
    return wall;
  }
  if (!leapt_) leapt_ = steady;
  return expected;
}

}  // namespace waybill::ingest
