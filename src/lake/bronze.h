// lake/bronze.h — carries records from the journal into the lake's raw tables, from the lake's own watermark on.
//
// Order:    positions in order; a range of them becomes one file a table and one commit of the catalog, with its books.
// Delivery: end() is what the catalog has, durable; each position is in exactly one range, whatever is killed in between.
// Failure:  unavailable and overloaded are tried again for ever, from the catalog's watermark on (so what may have happened is
//           looked up, never guessed); conflict (another process took the role over) and corrupt end run().
// Threads:  run() in a thread of its own; bring_to(), erase_next(), forget_replaced() and end() from any.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <stop_token>

#include "base/metrics.h"
#include "journal/journal.h"
#include "lake/catalog.h"
#include "lake/compact.h"
#include "lake/erase.h"

namespace waybill::lake {

inline constexpr std::string_view bronze_role = "bronze";

struct BronzeOptions {
  std::chrono::milliseconds roll_every{60'000};  // a location is in the lake at most about so long after it came
  uint64_t roll_bytes = 64 << 20;  // of records: more becomes a file earlier
  std::chrono::milliseconds tidy_every{60'000};
  CompactOptions compact{};
  std::chrono::milliseconds expire_every{3'600'000};
  std::shared_ptr<wire::ErasedNames> erased{};  // null: nobody is told apart; shared: store and door ask it too
  std::chrono::hours history{1};  // replaced files and versions stay so long, for those who still read them
};

class Bronze {
 public:
  virtual ~Bronze() = default;
  // Until stop is asked for, and then until everything durable in the journal is in the lake.
  virtual Result<void> run(std::stop_token stop) = 0;
  // Takes what is there, some of it: how many records. Writes what is due; with Write::all also what is not due yet.
  enum class Write { due, all };
  virtual Result<size_t> step(Write write) = 0;
  // What run() does by itself from time to time, and anybody may ask for: makes files of an hour that is over one, false where
  // there is nothing to do; and lets go of what was replaced longer ago, and of files that no version names: how many.
  virtual Result<bool> compact_next() = 0;
  virtual Result<uint64_t> expire(std::chrono::hours history) = 0;
  // From any thread, beside run(): writes everything below the offset, which is durable in the journal.
  virtual Result<void> bring_to(uint64_t offset) = 0;
  // Takes what names somebody who was erased out of one raw file that is not in `looked_at`, which it is then. A file with such
  // rows is replaced by one without them, in one commit with the books.
  virtual Result<ErasedFile> erase_next(std::set<std::string>& looked_at) = 0;
  // Everything that was replaced up to now is gone, whoever still reads it.
  virtual Result<void> forget_replaced() = 0;
  virtual uint64_t end() const = 0;  // the lake has custody of everything below
};

// Claims the role. conflict: the lake follows another journal, or needs what this one has trimmed.
Result<std::unique_ptr<Bronze>> open_bronze(journal::Journal& journal, Objects& objects, Catalog& catalog, Clock& clock,
                                            Metrics& metrics, BronzeOptions options = {});

}  // namespace waybill::lake
