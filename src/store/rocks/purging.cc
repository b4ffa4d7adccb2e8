#include "store/rocks/purging.h"

#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>

#include <algorithm>

#include "store/living.h"
#include "wire/bytes.h"

namespace waybill::store {
namespace {

using rocksdb::Slice;
using rocksdb::Status;

constexpr const char* positions_property = "waybill.positions";
constexpr size_t samples_max = 256;

std::string_view view(const Slice& slice) { return {slice.data(), slice.size()}; }

class LeaveOut final : public rocksdb::CompactionFilter {
 public:
  LeaveOut(Table table, uint64_t below) : table_(table), below_(below) {}
  const char* Name() const override { return "purged rows"; }
  bool Filter(int, const Slice& key, const Slice& value, std::string*, bool*) const override {
    return is_purged(table_, view(key), view(value), below_);
  }

 private:
  Table table_;
  uint64_t below_;
};

class LeaveOutFactory final : public rocksdb::CompactionFilterFactory {
 public:
  LeaveOutFactory(Table table, const std::atomic<uint64_t>& below) : table_(table), below_(below) {}
  const char* Name() const override { return "purged rows"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    const uint64_t below = below_.load();
    if (below == 0) return nullptr;
    return std::make_unique<LeaveOut>(table_, below);
  }

 private:
  Table table_;
  const std::atomic<uint64_t>& below_;
};

// Every n-th position of a file; n doubles whenever there are too many.
class Sample final : public rocksdb::TablePropertiesCollector {
 public:
  explicit Sample(Table table) : table_(table) {}
  const char* Name() const override { return positions_property; }

  Status AddUserKey(const Slice& key, const Slice& value, rocksdb::EntryType type, rocksdb::SequenceNumber,
                    uint64_t) override {
    if (type != rocksdb::kEntryPut || row_++ % step_ != 0) return Status::OK();
    positions_.push_back(last_position_of(table_, view(key), view(value)));
    if (positions_.size() < samples_max) return Status::OK();
    for (size_t i = 0; i < positions_.size() / 2; ++i) positions_[i] = positions_[2 * i];
    positions_.resize(positions_.size() / 2);
    step_ *= 2;
    return Status::OK();
  }
  Status Finish(rocksdb::UserCollectedProperties* properties) override {
    std::ranges::sort(positions_);
    std::string bytes;
    wire::put_varint(bytes, positions_.size());
    for (const uint64_t position : positions_) wire::put_varint(bytes, position);
    properties->insert({positions_property, bytes});
    return Status::OK();
  }
  rocksdb::UserCollectedProperties GetReadableProperties() const override { return {}; }

 private:
  Table table_;
  std::vector<uint64_t> positions_;
  uint64_t row_ = 0;
  uint64_t step_ = 1;
};

class SampleFactory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  explicit SampleFactory(Table table) : table_(table) {}
  const char* Name() const override { return positions_property; }
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(
      rocksdb::TablePropertiesCollectorFactory::Context) override {
    return new Sample(table_);
  }

 private:
  Table table_;
};

// A file without the property was written before there was one: as if all of it were purged, once.
double share_of(const rocksdb::TableProperties& properties, uint64_t below) {
  const auto found = properties.user_collected_properties.find(positions_property);
  if (found == properties.user_collected_properties.end()) return 1;
  wire::Taker from(as_bytes(found->second));
  uint64_t purged = 0;
  const uint64_t count = from.varint();
  for (uint64_t i = 0; i < count && from.ok() && from.varint() < below; ++i) ++purged;
  return count == 0 ? 0 : static_cast<double>(purged) / static_cast<double>(count);
}

std::string_view file_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void leave_out_purged(rocksdb::ColumnFamilyOptions& options, Table table, const std::atomic<uint64_t>& below) {
  options.compaction_filter_factory = std::make_shared<LeaveOutFactory>(table, below);
  options.table_properties_collector_factories.push_back(std::make_shared<SampleFactory>(table));
  options.periodic_compaction_seconds = 0;  // a filter would bring it: all files, by their age
}

Status find_purged(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, uint64_t below, PurgedFile& worst) {
  rocksdb::TablePropertiesCollection properties;
  if (Status status = db.GetPropertiesOfAllTables(table, &properties); !status.ok()) return status;
  rocksdb::ColumnFamilyMetaData files;
  db.GetColumnFamilyMetaData(table, &files);
  for (const auto& [path, of_file] : properties) {
    const double share = share_of(*of_file, below);
    if (share < purged_share_min || share <= worst.share) continue;
    for (const auto& level : files.levels)
      for (const auto& file : level.files)
        if (file_of(file.name) == file_of(path))
          worst = {.share = share,
                   .name = std::string(file_of(path)),
                   .smallest = file.smallestkey,
                   .largest = file.largestkey};
  }
  return Status::OK();
}

Status rewrite(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table, const PurgedFile& file) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.allow_write_stall = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  const Slice smallest(file.smallest), largest(file.largest);
  return db.CompactRange(options, table, &smallest, &largest);
}

Status rewrite_whole(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.allow_write_stall = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  return db.CompactRange(options, table, nullptr, nullptr);
}

}  // namespace waybill::store
