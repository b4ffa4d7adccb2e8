// store/row_cache.h — the rows that were touched last, decoded, so that a batch need not read what the last one wrote.
//
// Invariant: a changed row stays until it is written; without changes a row equals what is stored.
// Threads:   one.
// Limits:    trim() to bytes; only rows of the batch at hand may be beyond it.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace waybill::store {

template <class Row>
class RowCache {
 public:
  struct Slot {
    std::string id;
    Row row;
    bool stored = false;   // a row was read or written; false: nothing is stored under the id
    bool changed = false;
    size_t bytes = 0;      // about what it takes
  };

  Slot* find(std::string_view id) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, found->second);
    return &*found->second;
  }

  Slot& insert(std::string_view id, Row row, bool stored, size_t bytes) {
    recent_.push_front({.id = std::string(id), .row = std::move(row), .stored = stored, .bytes = 0});
    Slot& slot = recent_.front();
    slots_.emplace(slot.id, recent_.begin());
    set_bytes(slot, bytes);
    return slot;
  }

  // Nothing may have changed in it.
  void erase(std::string_view id) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return;
    const auto slot = found->second;
    bytes_ -= slot->bytes;
    slots_.erase(found);
    recent_.erase(slot);
  }

  void change(Slot& slot) {
    if (slot.changed) return;
    slot.changed = true;
    changed_.push_back(&slot);
  }

  const std::vector<Slot*>& changed() const { return changed_; }

  void set_bytes(Slot& slot, size_t bytes) {
    bytes += slot_bytes + sizeof(Slot) + 2 * slot.id.size();
    bytes_ += bytes - slot.bytes;
    slot.bytes = bytes;
  }

  // What was changed is stored now.
  void written(size_t bytes_max) {
    for (Slot* slot : changed_) {
      slot->changed = false;
      slot->stored = true;
    }
    changed_.clear();
    trim(bytes_max);
  }

  void clear() {
    slots_.clear();
    changed_.clear();
    recent_.clear();
    bytes_ = 0;
  }

 private:
  static constexpr size_t slot_bytes = 128;  // list and map nodes

  void trim(size_t bytes_max) {
    while (bytes_ > bytes_max && !recent_.empty()) {
      bytes_ -= recent_.back().bytes;
      slots_.erase(recent_.back().id);
      recent_.pop_back();
    }
  }

  std::list<Slot> recent_;  // most recently used first
  std::unordered_map<std::string_view, typename std::list<Slot>::iterator> slots_;
  std::vector<Slot*> changed_;
  size_t bytes_ = 0;
};

}  // namespace waybill::store
