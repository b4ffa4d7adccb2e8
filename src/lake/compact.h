// lake/compact.h — the many small files of an hour that is over become few large ones, in one commit each.
//
// Invariant: the rows stay the same ones: count and identities are compared before anything is committed.
// Threads:   by the holder of the role, between its own writes.
// Failure:   corrupt: a file is not what the catalog says of it; nothing was changed. Else as Catalog and Objects.
#pragma once

#include "lake/catalog.h"
#include "lake/layout.h"

namespace waybill::lake {

struct CompactOptions {
  uint64_t rows_max = 1'000'000;  // of the files that become one: they are held in memory, some 200 bytes each
};

// The next files that should become one: of one table, hour and epoch, one behind the other; empty where there are none.
// Hours from `open` on (of our clock) are still written to.
std::vector<const DataFile*> next_to_compact(const Snapshot& lake, const IngestHour& open,
                                             const CompactOptions& options);

// Makes them one.
Result<void> compact(Objects& objects, Catalog& catalog, uint64_t claim, const std::vector<const DataFile*>& files);

}  // namespace waybill::lake
