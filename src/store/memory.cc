#include "store/memory.h"

#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "store/living.h"
#include "store/rows.h"
#include "store/table_store.h"
#include "store/tables.h"

namespace waybill::store {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;

struct Change {
  Table table;
  std::string key;
  std::optional<std::string> value;  // missing: removed
};

}  // namespace

struct MemoryDisk::Rows {
  mutable std::shared_mutex mutex;
  std::array<store::Rows, table_count> tables;
  std::vector<Change> undo;  // what was there before each change since the last flush, oldest first
  bool fail_next_write = false;

  store::Rows& of(Table table) { return tables[static_cast<size_t>(table)]; }
  const store::Rows& of(Table table) const { return tables[static_cast<size_t>(table)]; }

  // Puts the change in and gives back what undoes it.
  Change swap(const Change& change) {
    store::Rows& rows = of(change.table);
    const auto found = rows.find(change.key);
    Change before{.table = change.table, .key = change.key, .value = std::nullopt};
    if (found != rows.end()) before.value = std::move(found->second);
    if (change.value) {
      if (found != rows.end())
        found->second = *change.value;
      else
        rows.emplace(change.key, *change.value);
    } else if (found != rows.end()) {
      rows.erase(found);
    }
    return before;
  }
};

namespace {

class MemoryBatch final : public Batch {
 public:
  void put(Table table, std::string_view key, std::string_view value) override {
    changes.push_back({.table = table, .key = std::string(key), .value = std::string(value)});
  }
  void remove(Table table, std::string_view key) override {
    changes.push_back({.table = table, .key = std::string(key), .value = std::nullopt});
  }
  void clear() override { changes.clear(); }

  std::vector<Change> changes;
};

class MemoryCursor final : public Cursor {
 public:
  MemoryCursor(const Rows& rows, std::string_view prefix) : rows_(rows), prefix_(prefix), at_(rows.end()) {}

  void seek(std::string_view key) override { at_ = rows_.lower_bound(std::max(key, std::string_view(prefix_))); }
  void seek_back(std::string_view key) override {
    at_ = rows_.upper_bound(key);
    previous();
  }
  void next() override { ++at_; }
  void previous() override { at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_); }
  bool valid() const override { return at_ != rows_.end() && at_->first.starts_with(prefix_); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  Result<void> status() const override { return {}; }

 private:
  const Rows& rows_;
  std::string prefix_;
  Rows::const_iterator at_;
};

// Keeps the writer out for as long as it lives.
class MemoryView final : public View {
 public:
  explicit MemoryView(const MemoryDisk::Rows& rows) : rows_(rows), lock_(rows.mutex) {}

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    const auto found = rows_.of(table).find(key);
    if (found == rows_.of(table).end()) return false;
    value = found->second;
    return true;
  }
  std::unique_ptr<Cursor> cursor(Table table, std::string_view prefix) const override {
    return std::make_unique<MemoryCursor>(rows_.of(table), prefix);
  }

 private:
  const MemoryDisk::Rows& rows_;
  std::shared_lock<std::shared_mutex> lock_;
};

class MemoryTables final : public Tables {
 public:
  explicit MemoryTables(const MemoryDisk& disk) : disk_(disk) {}

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return MemoryView(disk_.rows()).get(table, key, value);
  }
  std::unique_ptr<View> view() const override { return std::make_unique<MemoryView>(disk_.rows()); }
  std::unique_ptr<Batch> batch() override { return std::make_unique<MemoryBatch>(); }

  Result<void> write(Batch& batch) override {
    MemoryDisk::Rows& rows = disk_.rows();
    std::lock_guard lock(rows.mutex);
    if (std::exchange(rows.fail_next_write, false)) return fail(Code::unavailable, "memory: made to fail");
    for (const Change& change : static_cast<MemoryBatch&>(batch).changes) rows.undo.push_back(rows.swap(change));
    return {};
  }

  Result<void> flush() override {
    std::lock_guard lock(disk_.rows().mutex);
    disk_.rows().undo.clear();
    return {};
  }

  Result<bool> remove_purged(uint64_t below) override {
    std::lock_guard lock(disk_.rows().mutex);
    for (const Table table : purged_tables)
      std::erase_if(disk_.rows().of(table),
                    [&](const auto& row) { return is_purged(table, row.first, row.second, below); });
    return false;
  }

  Result<void> rewrite_all() override { return {}; }

 private:
  MemoryDisk disk_;
};

}  // namespace

MemoryDisk::MemoryDisk() : rows_(std::make_shared<Rows>()) {}
MemoryDisk::~MemoryDisk() = default;

void MemoryDisk::crash() {
  std::lock_guard lock(rows_->mutex);
  for (; !rows_->undo.empty(); rows_->undo.pop_back()) rows_->swap(rows_->undo.back());
}

void MemoryDisk::fail_next_write() {
  std::lock_guard lock(rows_->mutex);
  rows_->fail_next_write = true;
}

void MemoryDisk::set_format(uint64_t format) {
  std::lock_guard lock(rows_->mutex);
  rows_->of(Table::meta)[std::string(meta_key)] = encode_meta({.format = format});
}

Result<std::unique_ptr<Store>> open_memory_store() { return open_memory_store(MemoryDisk()); }

Result<std::unique_ptr<Store>> open_memory_store(const MemoryDisk& disk, std::shared_ptr<wire::ErasedNames> erased) {
  return open_table_store(std::make_unique<MemoryTables>(disk), std::move(erased));
}

}  // namespace waybill::store
