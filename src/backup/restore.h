// backup/restore.h — `waybill restore`: a generation of a backup as a data folder of its own, which goes on under a new epoch.
//
// Invariant: every byte is compared with the manifest's checksums, the journal's books with the manifest's. FORMAT is written
//            last, by finish_restore(): what did not end is no data folder.
// Threads:   one.
// Failure:   conflict where the target is not empty; not_found where there is no such generation; corrupt, naming the file,
//            where the backup is damaged: another generation may not be.
#pragma once

#include <optional>
#include <string>

#include "backup/manifest.h"
#include "base/files.h"

namespace waybill::backup {

struct RestoreOptions {
  std::string from;
  std::string to;  // missing or empty
  std::optional<uint64_t> generation;  // the newest one where it is not given
  int data_format = 0;  // that this program works on
};

struct Restored {
  Manifest manifest;
  uint32_t epoch = 0;  // of positions from the manifest's journal_end on
};

// Everything but FORMAT.
Result<Restored> restore(const RestoreOptions& options, Files& files, Clock& clock);
Result<void> finish_restore(const RestoreOptions& options, const Restored& restored, Files& files);

}  // namespace waybill::backup
