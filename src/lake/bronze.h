// lake/bronze.h — carries records from the journal into the lake's raw tables, from the lake's own watermark on.
//
// Order:    positions in order; a range of them becomes one file a table and one commit of the catalog, with its books.
// Delivery: end() is what the catalog has, durable; each position is in exactly one range, whatever is killed in between.
// Failure:  unavailable and overloaded are tried again for ever, from the catalog's watermark on (so what may have happened is
//           looked up, never guessed); conflict (another process took the role over) and corrupt end run().
// Erasures: a record of one makes its name known. In the commit that passes it stands that it is begun; then the name is taken out
//           of every raw file there was before, and what became of it stands in the catalog (lake/erase.h). From the record on
//           nothing that names it becomes a row.
// Threads:  run() in a thread of its own; everything else from any.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/metrics.h"
#include "journal/source.h"
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
  // Called before a name is added to them: their key may have been made meanwhile, by whoever was asked to erase.
  std::function<Result<void>()> need_key = [] { return Result<void>(); };
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
  // The same of an erasure that is begun: looks at one raw file; false where none is.
  virtual Result<bool> erase_next() = 0;
  virtual uint64_t end() const = 0;  // the lake has custody of everything below
};

// Claims the role. conflict: the lake follows another journal, or needs what this one has trimmed.
Result<std::unique_ptr<Bronze>> open_bronze(journal::Source& journal, Objects& objects, Catalog& catalog, Clock& clock,
                                            Metrics& metrics, BronzeOptions options = {});

}  // namespace waybill::lake
