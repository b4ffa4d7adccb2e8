#include "store/rocks/rocks.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/system_clock.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "base/log.h"
#include "store/keys.h"
#include "store/living.h"
#include "store/rocks/file_system.h"
#include "store/rocks/purging.h"
#include "store/rocks/retryable.h"
#include "store/table_store.h"
#include "store/tables.h"

namespace waybill::store {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr int open_attempts_max = 20;  // of a read_only store whose files the writer removes meanwhile

Slice slice(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(const Slice& slice) { return {slice.data(), slice.size()}; }

Error to_error(const Status& status) {
  Code code = Code::unavailable;
  if (status.IsCorruption()) code = Code::corrupt;
  if (status.IsPathNotFound() || status.IsNotFound()) code = Code::not_found;
  if (status.IsBusy()) code = Code::conflict;
  if (status.IsIncomplete() || status.IsNoSpace() || status.IsTryAgain() || status.IsMemoryLimit())
    code = Code::overloaded;
  const std::string text = status.ToString();
  // The system's file system has no status of its own for a lock that is held.
  if (text.find("lock hold by current process") != std::string::npos ||
      text.find("While lock file") != std::string::npos)
    code = Code::conflict;
  return {code, "RocksDB: " + text};
}

std::unexpected<Error> fail_of(const Status& status) { return std::unexpected(to_error(status)); }

// RocksDB's warnings in our log; it writes no LOG file of its own.
class OurLog final : public rocksdb::Logger {
 public:
  OurLog() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    // While a backup holds the files it says so each time that it counts the holds.
    if (level < GetInfoLogLevel() || std::string_view(format).find("File Deletions") != std::string_view::npos) return;
    std::array<char, 1000> text{};
    std::vsnprintf(text.data(), text.size(), format, arguments);
    log::warning("RocksDB", {{"says", std::string_view(text.data())}});
  }
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::INFO_LEVEL, format, arguments);
  }
};

class RocksBatch final : public Batch {
 public:
  explicit RocksBatch(const std::vector<rocksdb::ColumnFamilyHandle*>& tables) : tables_(tables) {}
  void put(Table table, std::string_view key, std::string_view value) override {
    keep(batch.Put(tables_[static_cast<size_t>(table)], slice(key), slice(value)));
  }
  void remove(Table table, std::string_view key) override {
    keep(batch.Delete(tables_[static_cast<size_t>(table)], slice(key)));
  }
  void clear() override {
    batch.Clear();
    status = Status::OK();
  }

  rocksdb::WriteBatch batch;
  Status status;

 private:
  void keep(Status other) {
    if (!other.ok()) status = std::move(other);
  }
  const std::vector<rocksdb::ColumnFamilyHandle*>& tables_;
};

class RocksCursor final : public Cursor {
 public:
  RocksCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, const rocksdb::Snapshot* snapshot,
              std::string_view prefix)
      : prefix_(prefix), behind_(behind(prefix)), lower_(slice(prefix_)), upper_(slice(behind_)) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    if (!prefix_.empty()) options.iterate_lower_bound = &lower_;
    if (!behind_.empty()) options.iterate_upper_bound = &upper_;
    rows_.reset(table != nullptr ? db.NewIterator(options, table) : rocksdb::NewEmptyIterator());
  }

  void seek(std::string_view key) override { rows_->Seek(slice(key)); }
  void seek_back(std::string_view key) override { rows_->SeekForPrev(slice(key)); }
  void next() override { rows_->Next(); }
  void previous() override { rows_->Prev(); }
  bool valid() const override { return rows_->Valid(); }
  std::string_view key() const override { return view(rows_->key()); }
  std::string_view value() const override { return view(rows_->value()); }
  Result<void> status() const override {
    if (const Status status = rows_->status(); !status.ok()) return fail_of(status);
    return {};
  }

 private:
  // The first key behind all that begin with the prefix; empty where there is none.
  static std::string behind(std::string_view prefix) {
    std::string key(prefix);
    while (!key.empty() && key.back() == '\xff') key.pop_back();
    if (!key.empty()) key.back() = static_cast<char>(static_cast<unsigned char>(key.back()) + 1);
    return key;
  }

  std::string prefix_, behind_;
  Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

// RocksDB's background thread sleeps for a second after a failure. Over Files that are simulated, time is too.
class BriefSleeps final : public rocksdb::SystemClockWrapper {
 public:
  explicit BriefSleeps(const std::shared_ptr<rocksdb::SystemClock>& below) : SystemClockWrapper(below) {}
  const char* Name() const override { return "brief sleeps"; }
  void SleepForMicroseconds(int us) override { SystemClockWrapper::SleepForMicroseconds(std::min(us, 1000)); }
};

class SimulatedEnv final : public rocksdb::EnvWrapper {
 public:
  explicit SimulatedEnv(const std::shared_ptr<rocksdb::FileSystem>& file_system)
      : EnvWrapper(rocksdb::NewCompositeEnv(file_system)) {
    file_system_ = file_system;
    system_clock_ = std::make_shared<BriefSleeps>(rocksdb::SystemClock::Default());
  }
};

// RocksDB keeps the files that are live until it is told that it may remove files again.
class HeldFiles final : public LiveFiles {
 public:
  explicit HeldFiles(rocksdb::DB& db) : db_(db) {}
  ~HeldFiles() override {
    if (const Status enabled = db_.EnableFileDeletions(/*force=*/false); !enabled.ok())
      log::warning("RocksDB removes no files until it is opened again", {{"says", enabled.ToString()}});
  }

  Result<void> list() {
    rocksdb::LiveFilesStorageInfoOptions options;
    options.include_checksum_info = true;
    options.wal_size_for_flush = UINT64_MAX;  // there is no log; what is to be in the files was flushed before
    std::vector<rocksdb::LiveFileStorageInfo> found;
    if (const Status listed = db_.GetLiveFilesStorageInfo(options, &found); !listed.ok()) return fail_of(listed);
    for (rocksdb::LiveFileStorageInfo& one : found) {
      if (one.file_type == rocksdb::kWalFile) continue;  // always empty
      LiveFile file{.name = std::move(one.relative_filename), .bytes = one.size, .crc32c = {}, .content = {}};
      if (!one.replacement_contents.empty()) file.content = std::move(one.replacement_contents);
      // RocksDB writes a CRC32C as four bytes, the highest first.
      if (one.file_checksum_func_name == "FileChecksumCrc32c" && one.file_checksum.size() == sizeof(uint32_t)) {
        uint32_t crc = 0;
        for (const char byte : one.file_checksum) crc = crc << 8 | static_cast<unsigned char>(byte);
        file.crc32c = crc;
      }
      files_.push_back(std::move(file));
    }
    return {};
  }

  const std::vector<LiveFile>& files() const override { return files_; }

 private:
  rocksdb::DB& db_;
  std::vector<LiveFile> files_;
};

// What a database stands on and what must outlive it. RocksDB's own file system is ours for the system's files, with
// preallocation and range syncs on top; any other Files are simulated and get the adapter.
struct Below {
  explicit Below(Files& below_all) : files(below_all) {
    if (&files == &system_files())
      env = rocksdb::NewCompositeEnv(make_retryable(rocksdb::FileSystem::Default(), disk));
    else
      env = std::make_unique<SimulatedEnv>(make_retryable(make_file_system(files), disk));
  }
  Files& files;
  DiskState disk;
  std::atomic<uint64_t> purged{0};  // rows below it may be left out
  std::unique_ptr<rocksdb::Env> env;
};

class RocksTables final : public Tables {
 public:
  RocksTables(std::unique_ptr<Below> below, std::unique_ptr<rocksdb::DB> db,
              std::vector<rocksdb::ColumnFamilyHandle*> tables, const RocksOptions& options,
              std::shared_ptr<rocksdb::WriteBufferManager> memory)
      : below_(std::move(below)),
        db_(std::move(db)),
        tables_(std::move(tables)),
        access_(options.access),
        reserve_bytes_(options.write_buffer_bytes_max),
        memory_(std::move(memory)) {}

  ~RocksTables() override {
    for (rocksdb::ColumnFamilyHandle* table : tables_) db_->DestroyColumnFamilyHandle(table);
    if (const Status closed = db_->Close(); !closed.ok()) log::debug("RocksDB closes", {{"says", closed.ToString()}});
  }

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get(table, key, value, nullptr);
  }

  std::unique_ptr<View> view() const override { return std::make_unique<Snapshot>(*this); }
  std::unique_ptr<Batch> batch() override { return std::make_unique<RocksBatch>(tables_); }

  Result<void> write(Batch& batch) override {
    auto& rows = static_cast<RocksBatch&>(batch);
    if (!rows.status.ok()) return fail_of(rows.status);
    if (memory_->memory_usage() > reserve_bytes_ / 4) TRY(check_room());
    return attempt([&] {
      rocksdb::WriteOptions options;
      options.disableWAL = true;   // the journal is the log
      options.no_slowdown = true;  // Incomplete, and so overloaded, rather than wait for compaction
      return db_->Write(options, &rows.batch);
    });
  }

  Result<std::unique_ptr<LiveFiles>> hold_live_files() const {
    if (const Status disabled = db_->DisableFileDeletions(); !disabled.ok()) return fail_of(disabled);
    auto held = std::make_unique<HeldFiles>(*db_);
    TRY(held->list());
    return held;
  }

  Result<void> flush() override {
    TRY(check_room());
    return attempt([&] {
      rocksdb::FlushOptions options;
      options.wait = true;
      options.allow_write_stall =
          true;  // writers are told overloaded meanwhile; the flush itself must not wait for calm
      return db_->Flush(options, tables_);
    });
  }

  // The file with the most to leave out, of all tables.
  Result<bool> remove_purged(uint64_t below) override {
    below_->purged = below;
    PurgedFile worst;
    rocksdb::ColumnFamilyHandle* of = nullptr;
    for (const Table table : purged_tables) {
      const double before = worst.share;
      rocksdb::ColumnFamilyHandle* const handle = tables_[static_cast<size_t>(table)];
      if (const Status found = find_purged(*db_, handle, below, worst); !found.ok()) return fail_of(found);
      if (worst.share > before) of = handle;
    }
    // The same one again: rewriting it did not help, and would not.
    if (of == nullptr || worst.name == rewritten_) return false;
    TRY(check_room());
    TRY(attempt([&] { return rewrite(*db_, of, worst); }));
    rewritten_ = worst.name;
    return true;
  }

  Result<void> rewrite_all() override {
    for (rocksdb::ColumnFamilyHandle* table : tables_) {
      TRY(check_room());
      TRY(attempt([&] { return rewrite_whole(*db_, table); }));
    }
    return {};
  }

 private:
  class Snapshot final : public View {
   public:
    explicit Snapshot(const RocksTables& tables) : tables_(tables), snapshot_(tables.db_->GetSnapshot()) {}
    ~Snapshot() override {
      if (snapshot_ != nullptr) tables_.db_->ReleaseSnapshot(snapshot_);
    }
    Result<bool> get(Table table, std::string_view key, std::string& value) const override {
      return tables_.get(table, key, value, snapshot_);
    }
    std::unique_ptr<Cursor> cursor(Table table, std::string_view prefix) const override {
      return std::make_unique<RocksCursor>(*tables_.db_, tables_.tables_[static_cast<size_t>(table)], snapshot_,
                                           prefix);
    }

   private:
    const RocksTables& tables_;
    const rocksdb::Snapshot* snapshot_;  // none for read_only: nothing changes there
  };

  Result<bool> get(Table table, std::string_view key, std::string& value, const rocksdb::Snapshot* snapshot) const {
    rocksdb::ColumnFamilyHandle* const handle = tables_[static_cast<size_t>(table)];
    if (handle == nullptr) return false;
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    const Status status = db_->Get(options, handle, slice(key), &value);
    if (status.IsNotFound() && !status.IsPathNotFound()) return false;
    if (!status.ok()) return fail_of(status);
    return true;
  }

  // After an error of the disk RocksDB 7.8 is not believed any more. A flush that meets a failed sync of the folder, or an
  // error that a compaction made just then, leaves its tables marked as being flushed: Resume waits for them for ever, or passes
  // them by and a later flush says that they are on the disk. What is durable is read when it is opened anew.
  template <class Function>
  Result<void> attempt(const Function& function) {
    if (access_ == Access::read_only) return fail(Code::denied, "RocksDB: opened to read only");
    if (gone_) return fail(Code::corrupt, "RocksDB: after a failure of its disk it has to be opened anew");
    const Status status = function();
    if (status.ok()) return {};
    Error error = to_error(status);
    if (status.IsIncomplete() || status.IsBusy() || status.IsTryAgain()) {
      error.code = Code::overloaded;
    } else {
      gone_ = true;
      error.code = Code::corrupt;
      error.message +=
          below_->disk.full ? "; the disk was full, it has to be opened anew" : "; it has to be opened anew";
    }
    return std::unexpected(std::move(error));
  }

  // Told before RocksDB meets it, so that it can go on as soon as there is room. Rows go into memory until a quarter of the
  // budget for them is used; then RocksDB may begin to write at any time.
  Result<void> check_room() const {
    TRY_LET(const uint64_t free, below_->files.free_bytes(db_->GetName()));
    if (free >= reserve_bytes_) return {};
    return fail(Code::overloaded, "RocksDB: the disk has " + std::to_string(free) +
                                      " bytes free, to put down what is in memory it may take " +
                                      std::to_string(reserve_bytes_));
  }

  std::unique_ptr<Below> below_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> tables_;
  const Access access_;
  const uint64_t reserve_bytes_;
  const std::shared_ptr<rocksdb::WriteBufferManager> memory_;  // shared: RocksDB counts in it
  std::string rewritten_;  // the file that remove_purged() chose last
  std::atomic<bool> gone_{false};  // nothing is written any more; what is durable is read when it is opened anew
};

rocksdb::CompressionType best_of(std::initializer_list<rocksdb::CompressionType> wanted) {
  const auto built_in = rocksdb::GetSupportedCompressions();
  for (const rocksdb::CompressionType type : wanted)
    if (std::ranges::find(built_in, type) != built_in.end()) return type;
  return rocksdb::kNoCompression;
}

// A new location most often stands right behind the last of its scope: the place of the last one in memory is a hint
// where to put it.
class ScopeOfLocation final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "scope of location"; }
  bool InDomain(const Slice& key) const override { return key.size() > Place::size; }
  Slice Transform(const Slice& key) const override { return {key.data(), key.size() - Place::size}; }
};

// Every new file of locations spans all scopes, so putting some of them in order rewrites most of what is in the level below:
// the more wait for it, the less often. Until then a track looks into each of them.
void leave_to_gather(rocksdb::ColumnFamilyOptions& locations) {
  locations.level0_file_num_compaction_trigger = 12;
  locations.level0_slowdown_writes_trigger = 32;
  locations.level0_stop_writes_trigger = 48;
}

rocksdb::DBOptions database_options(const RocksOptions& options) {
  rocksdb::DBOptions database;
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.atomic_flush = true;
  database.avoid_flush_during_shutdown = true;
  database.info_log = std::make_shared<OurLog>();
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.skip_stats_update_on_db_open = true;
  database.skip_checking_sst_file_sizes_on_db_open = true;
  database.max_background_jobs = 2;
  database.bytes_per_sync = 1 << 20;
  database.max_manifest_file_size = 16 << 20;
  database.allow_concurrent_memtable_write = false;  // there is one writer; it inserts with hints instead
  database.max_bgerror_resume_count = 0;  // nothing goes on behind our back
  database.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();  // a backup need not read to compare
  database.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(options.write_buffer_bytes_max);
  // A reader beside a writer holds every file open from the start, since the writer removes files.
  database.max_open_files = options.access == Access::read_only ? -1 : options.open_files_max;
  return database;
}

std::vector<rocksdb::ColumnFamilyDescriptor> table_options(const RocksOptions& options,
                                                           const std::atomic<uint64_t>& purged) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = rocksdb::NewLRUCache(options.cache_bytes_max, -1, false, 0.3);
  blocks.cache_index_and_filter_blocks = true;
  blocks.cache_index_and_filter_blocks_with_high_priority = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  blocks.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  blocks.partition_filters = true;
  blocks.format_version = 5;
  blocks.block_size = 16 << 10;

  std::vector<rocksdb::ColumnFamilyDescriptor> tables;
  for (size_t i = 0; i < table_count; ++i) {
    const auto table = static_cast<Table>(i);
    rocksdb::ColumnFamilyOptions each;
    each.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
    each.write_buffer_size = std::max<uint64_t>(options.write_buffer_bytes_max / 2, 1 << 20);
    each.max_write_buffer_number = 4;
    each.arena_block_size = table == Table::location ? 512 << 10 : 64 << 10;
    each.level_compaction_dynamic_level_bytes = true;
    each.compression = best_of({rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
    each.bottommost_compression = best_of({rocksdb::kZSTD, rocksdb::kLZ4Compression});
    each.bottommost_compression_opts.level = 1;  // the same rows took 0 to 2 % more than with 3
    each.bottommost_compression_opts.enabled = true;
    if (table == Table::location) leave_to_gather(each);
    if (table == Table::location) each.memtable_insert_with_hint_prefix_extractor = std::make_shared<ScopeOfLocation>();
    // Rows that are written again and again: the place of the last version.
    if (table == Table::order || table == Table::deliverer)
      each.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewNoopTransform());
    if (table == Table::client_id || table == Table::location) {
      each.memtable_prefix_bloom_size_ratio = 0.03;
      each.memtable_whole_key_filtering = true;
    }
    if (has_positions(table)) leave_out_purged(each, table, purged);
    tables.emplace_back(std::string(table_names[i]), each);
  }
  return tables;
}

// The tables that the folder has. One that this version does not know was made by a newer one.
Result<std::vector<std::string>> list_tables(const rocksdb::DBOptions& database, const RocksOptions& options) {
  std::vector<std::string> names;
  const Status listed = rocksdb::DB::ListColumnFamilies(database, options.folder, &names);
  if (options.access == Access::read_write && (listed.IsPathNotFound() || listed.IsNotFound())) return names;
  if (!listed.ok()) return fail_of(listed);
  for (const std::string& name : names)
    if (std::ranges::find(table_names, name) == table_names.end())
      return fail(Code::invalid, "the store has a table " + name +
                                     " that this version does not know: use the newer version that wrote it");
  return names;
}

Result<std::unique_ptr<RocksTables>> open_tables(const RocksOptions& options, Files& files) {
  auto below = std::make_unique<Below>(files);
  rocksdb::DBOptions database = database_options(options);
  database.env = below->env.get();
  TRY_LET(const std::vector<std::string> names, list_tables(database, options));
  std::vector<rocksdb::ColumnFamilyDescriptor> wanted = table_options(options, below->purged);
  // A writer makes what is missing; to a reader of what an older version wrote it is empty.
  const bool reads = options.access == Access::read_only;
  if (reads)
    std::erase_if(wanted, [&](const auto& table) { return std::ranges::find(names, table.name) == names.end(); });
  std::vector<rocksdb::ColumnFamilyHandle*> tables;
  rocksdb::DB* db = nullptr;
  const Status opened = reads ? rocksdb::DB::OpenForReadOnly(database, options.folder, wanted, &tables, &db)
                              : rocksdb::DB::Open(database, options.folder, wanted, &tables, &db);
  if (!opened.ok()) return fail_of(opened);
  for (size_t i = 0; i < table_count; ++i)
    if (i >= wanted.size() || wanted[i].name != table_names[i]) {
      wanted.insert(wanted.begin() + static_cast<ptrdiff_t>(i), {std::string(table_names[i]), {}});
      tables.insert(tables.begin() + static_cast<ptrdiff_t>(i), nullptr);
    }
  return std::make_unique<RocksTables>(std::move(below), std::unique_ptr<rocksdb::DB>(db), std::move(tables), options,
                                       database.write_buffer_manager);
}

// Many times where it is read beside a writer.
Result<std::unique_ptr<RocksTables>> open_folder(const RocksOptions& options, Files& files) {
  if (options.access == Access::read_write) {
    TRY(make_folder_durably(files, options.folder));
  } else if (auto current = files.info(join_path(options.folder, "CURRENT")); !current) {
    return fail_in("there is no store in " + options.folder, current.error());
  }
  for (int attempt = 1;; ++attempt) {
    auto tables = open_tables(options, files);
    if (tables) return tables;
    // The writer may have replaced a file between our reading of its list and opening it.
    const bool again = options.access == Access::read_only && tables.error().code != Code::invalid;
    if (!again || attempt >= open_attempts_max) return fail_in("open " + options.folder, tables.error());
  }
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(RocksOptions options, Files& files) {
  TRY_LET(auto tables, open_folder(options, files));
  return open_table_store(std::move(tables), options.erased);
}

Result<RocksStore> open_rocks_store_for_backup(RocksOptions options, Files& files) {
  TRY_LET(auto tables, open_folder(options, files));
  const RocksTables* const held = tables.get();  // the store owns it
  TRY_LET(auto store, open_table_store(std::move(tables), options.erased));
  return RocksStore{.store = std::move(store), .hold_live_files = [held] { return held->hold_live_files(); }};
}

}  // namespace waybill::store
