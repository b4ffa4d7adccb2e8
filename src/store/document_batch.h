// store/document_batch.h — a batch as it waits to be put into documents, and its bytes in `redo` (docs/FORMATS.md, Store on MongoDB).
//
// Threads: one, until it is shared; then it does not change.
// Failure: corrupt for bytes that were not written here.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "store/tables.h"

namespace waybill::store {

// By key; none: the row is removed. The last word on each key.
using TableChanges = std::map<std::string, std::optional<std::string>, std::less<>>;
using Changes = std::array<TableChanges, table_count>;

class DocumentBatch final : public Batch {
 public:
  void put(Table table, std::string_view key, std::string_view value) override { set(table, key, std::string(value)); }
  void remove(Table table, std::string_view key) override { set(table, key, std::nullopt); }
  void clear() override { changes_ = std::make_shared<Changes>(); }

  // Shared: with the views that show it while it is put.
  const std::shared_ptr<Changes>& changes() const { return changes_; }

 private:
  void set(Table table, std::string_view key, std::optional<std::string> value) {
    (*changes_)[static_cast<size_t>(table)].insert_or_assign(std::string(key), std::move(value));
  }
  std::shared_ptr<Changes> changes_ = std::make_shared<Changes>();
};

std::string encode_changes(const Changes& changes);
Result<Changes> decode_changes(std::string_view bytes);

// What the state document says.
struct DocumentState {
  uint64_t owner = 0;
  uint64_t redo = 0;  // number of the batch that was written last; 0: all of it is in the rows
  uint64_t bytes = 0;  // that it has in `redo`
  uint64_t hash = 0;  // of them, XXH3-64
};
std::string encode_state(const DocumentState& state);
Result<DocumentState> decode_state(std::string_view bytes);

std::string redo_id(uint64_t number, uint32_t part);

}  // namespace waybill::store
