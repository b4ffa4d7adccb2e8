// store/rocks/purging.h — how rows that were let go leave RocksDB's files.
//
// A compaction leaves them out wherever it meets them. Since a file that nothing is added to is never compacted, each file
// tells which positions its rows have (a sample), and those of which enough was let go are rewritten, one at a time.
// Cost:    a row is rewritten once for each purged_share_min of its file that goes: at most 1 / purged_share_min times the
//          bytes that are removed.
// Threads: the boundary from any; rewrite_one() from one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "store/tables.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Status;
struct ColumnFamilyOptions;
}  // namespace rocksdb

namespace waybill::store {

inline constexpr double purged_share_min = 1.0 / 8;  // of a file's rows, from which on it is rewritten

// The boundary must outlive the database.
void leave_out_purged(rocksdb::ColumnFamilyOptions& options, Table table, const std::atomic<uint64_t>& below);

// Finds the file with the largest share of purged rows, and which one it is.
struct PurgedFile {
  double share = 0;
  std::string name, smallest, largest;
};
rocksdb::Status find_purged(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, uint64_t below, PurgedFile& worst);
// All of a table's files, down to the last level: bytes of rows that were removed or replaced are in none of them.
rocksdb::Status rewrite_whole(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table);
rocksdb::Status rewrite(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, const PurgedFile& file);

}  // namespace waybill::store
