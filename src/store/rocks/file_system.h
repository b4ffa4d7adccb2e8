// store/rocks/file_system.h — RocksDB's file system over ours, so that a test can lose, fail and fill what it writes.
//
// Threads: all methods from any thread, as RocksDB asks.
// Failure: overloaded becomes NoSpace, not_found PathNotFound, anything else IOError; all can be tried again.
#pragma once

#include <memory>

#include "base/files.h"

namespace rocksdb {
class FileSystem;
}

namespace waybill::store {

// The Files must outlive it.
std::shared_ptr<rocksdb::FileSystem> make_file_system(Files& files);

}  // namespace waybill::store
