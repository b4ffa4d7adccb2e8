// backup/take.h — `waybill backup`: one more generation of a data folder in a backup folder, also while the platform runs.
//
// Invariant: the store's files are of one moment, at watermark W; the journal's are [b, E), b ≤ what `trimmed` has the books of
//            ≤ W ≤ E. Nothing is trimmed while the journal is copied, no file of the store removed while they are.
// Delivery:  copies what no generation before has; the generation is there when take() returns, and not before. Killed
//            anywhere, the generations before are as they were.
// Threads:   one at a time, beside everything that serves.
// Failure:   as base/files.h of either folder; conflict where another backup is written to the same folder; corrupt where a
//            file of the data folder is damaged: nothing is removed from the backup then.
#pragma once

#include <stop_token>
#include <string>

#include "backup/manifest.h"
#include "ingest/keep.h"
#include "store/live_files.h"

namespace waybill::backup {

struct Source {
  std::string folder;  // of the data
  int data_format = 0;
  std::string version;  // of this program
  journal::Journal& journal;
  store::Store& store;
  store::HoldLiveFiles hold_live_files;
  ingest::Keeper& keeper;
};

struct TakeOptions {
  std::string to;
  uint64_t keep = 7;  // generations, the new one included; older ones are removed when it is there
};

Result<Manifest> take(const Source& source, const TakeOptions& options, Files& files, Clock& clock,
                      const std::stop_token& stop);

}  // namespace waybill::backup
