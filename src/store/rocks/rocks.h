// store/rocks/rocks.h — the store on one machine's disk: RocksDB without a log of its own, since the journal is its log.
//
// Durability: flush() makes all tables durable at one moment; between flushes RocksDB may do the same by itself. Closing does
//             not flush.
// Failure:    conflict where another process has the folder open for writing; overloaded where compaction cannot keep up or
//             the disk is full: nothing blocks, nothing is lost, later calls try to go on. After a failure of the disk itself
//             the store may answer unavailable until it is opened again.
// Threads:    as store/store.h. A read_only store is opened beside a writer and shows what had been flushed by then; put() and
//             flush() answer denied.
// Limits:     cache_bytes_max, write_buffer_bytes_max, open_files_max.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/files.h"
#include "store/live_files.h"
#include "store/store.h"
#include "wire/erased_names.h"

namespace waybill::store {

enum class Access { read_write, read_only };

struct RocksOptions {
  std::string folder;  // made where missing, not its parents
  uint64_t cache_bytes_max = 64 << 20;  // blocks, indexes and filters that were read
  uint64_t write_buffer_bytes_max = 64 << 20;  // rows in memory that are not in files yet; as much again while flushing
  int open_files_max = 512;  // of a read_write store
  Access access = Access::read_write;
  std::shared_ptr<wire::ErasedNames> erased{};  // null: nobody is told apart; shared as table_store.h says
};

// not_found for a read_only store where there is none; invalid where a newer version wrote it.
Result<std::unique_ptr<Store>> open_rocks_store(RocksOptions options, Files& files);

// A read_write store with what a backup needs of it, good as long as the store.
struct RocksStore {
  std::unique_ptr<Store> store;
  HoldLiveFiles hold_live_files;
};
Result<RocksStore> open_rocks_store_for_backup(RocksOptions options, Files& files);

}  // namespace waybill::store
