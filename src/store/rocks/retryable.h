// store/rocks/retryable.h — a file system whose failed writes RocksDB may try again once the cause is gone.
//
// RocksDB stops for good after most failures to write, and of a full disk it waits in a thread of its own. Here every failure
// is of the kind that it takes up again when told to (DB::Resume): that writes new files from what is in memory, never the
// rest of a file whose sync failed, so nothing is believed durable that is not.
// Threads: all methods from any thread.
#pragma once

#include <atomic>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace waybill::store {

struct DiskState {
  std::atomic<bool> full{false};  // the last write that failed found no space, and none has succeeded since
};

// The state must outlive it.
std::shared_ptr<rocksdb::FileSystem> make_retryable(std::shared_ptr<rocksdb::FileSystem> below, DiskState& state);

}  // namespace waybill::store
