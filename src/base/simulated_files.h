// base/simulated_files.h — a file system in memory that forgets, tears, fills up and fails on purpose, for tests.
//
// Durability: strict. Written bytes are durable after File::sync(), names (folders' too) after sync_folder() of the folder
//             that holds them; nothing else makes anything durable.
// Threads:    all methods from any thread; crash() when nobody else is inside.
// Failure:    as base/files.h, plus what is asked for here. A write that is made to fail leaves a part of its bytes behind;
//             after a sync that is made to fail, some bytes are never written although they can still be read.
// Limits:     none but memory; a 64 KiB block that holds only zeros takes none.
#pragma once

#include <functional>

#include "base/files.h"

namespace waybill {

enum class Failing { once, from_then_on };

// What becomes of that which was not synced: dropped, torn or kept by the seed; kept up to a place by the seed and dropped
// behind it, as on file systems where a file grows only when what it grows by is on the disk; all of it dropped; or kept,
// unsynced as it is, which is what the death of a process alone does: the next crash may take it.
enum class Unsynced { by_seed, in_order, dropped, kept };

class SimulatedFiles : public Files {
 public:
  // The power goes and comes back, or the process dies: what stays is decided, locks are free, no fault is set any more. Files opened before
  // answer unavailable for good.
  virtual void crash(uint64_t seed, Unsynced unsynced = Unsynced::by_seed) = 0;
  // From now on everything answers unavailable, until crash(): so that what the dying process still holds can be
  // destroyed without touching anything.
  virtual void stop() = 0;

  // Of write, sync, truncate, create, rename, remove, make_folder and sync_folder from now on, the n-th (from 1) answers
  // `code`.
  virtual void fail_at(uint64_t n, Code code, Failing failing) = 0;
  virtual void fail_no_more() = 0;
  virtual uint64_t operations() const = 0;  // of these, since fail_at() was last called
  virtual bool has_failed() const = 0;  // whether the fault of the last fail_at() was met

  // All files together; what would make them larger answers overloaded, after writing what fits.
  virtual void set_capacity(uint64_t bytes) = 0;
  // In what is on the disk and what is read, at once. The byte must be there.
  virtual void flip_bit(const std::string& path, uint64_t byte, int bit) = 0;
  // Called before each File::sync with the path it was opened by, on its thread, without a lock held: it may wait.
  virtual void before_sync(std::function<void(const std::string& path)> stall) = 0;
  virtual uint64_t syncs() const = 0;  // File::sync calls that succeeded
};

std::unique_ptr<SimulatedFiles> make_simulated_files(uint64_t seed = 1);

}  // namespace waybill
