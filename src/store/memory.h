// store/memory.h — a store in memory, for tests and for trying things out: what it holds ends with the process.
//
// Threads: as store/store.h.
// Limits:  none but memory; it grows with what is stored.
#pragma once

#include <memory>

#include "store/store.h"
#include "wire/erased_names.h"

namespace waybill::store {

// What outlives a store in memory as a disk outlives a process. Copies are the same disk.
class MemoryDisk {
 public:
  MemoryDisk();
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = default;
  MemoryDisk& operator=(const MemoryDisk&) = default;

  void crash();            // everything falls back to the last flush; no store may be open
  void fail_next_write();  // the next batch answers unavailable and is not taken
  void set_format(uint64_t format);  // as a newer version would leave it

  struct Rows;
  Rows& rows() const { return *rows_; }

 private:
  std::shared_ptr<Rows> rows_;  // shared: by the disk in a test's hand and the store that stands on it
};

Result<std::unique_ptr<Store>> open_memory_store();
Result<std::unique_ptr<Store>> open_memory_store(const MemoryDisk& disk,
                                                 std::shared_ptr<wire::ErasedNames> erased = nullptr);

}  // namespace waybill::store
