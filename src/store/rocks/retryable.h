// store/rocks/retryable.h — a file system of whose failures RocksDB recovers only when it is told to, which nobody does.
//
// Of a full disk RocksDB waits in a thread of its own and goes on by itself. Here every failure is of the kind that it would
// take up again by DB::Resume, so that it stops, says so, and nothing goes on behind the back of who counts on it.
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
