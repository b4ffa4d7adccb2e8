// store/batch_keys.h — the locations of the batch at hand, so that repeats inside it are found.
//
// Cost:    nothing but a copy of the key until somebody asks; then one hash table, kept up from there.
// Threads: one.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "domain/location.h"

namespace waybill::store {

class BatchKeys {
 public:
  struct IdHash {
    size_t operator()(const EventId& id) const { return static_cast<size_t>(id.low); }
  };

  void add(std::string_view key, const EventId& id) {
    if (used_ == added_.size()) added_.emplace_back();
    added_[used_].key.assign(key);
    added_[used_].id = id;
    ++used_;
  }

  const EventId* find(std::string_view key) {
    for (; indexed_ < used_; ++indexed_) index_.emplace(added_[indexed_].key, &added_[indexed_].id);
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : found->second;
  }

  void clear() {
    index_.clear();
    indexed_ = used_ = 0;
    if (added_.size() > kept_max) added_.clear();
  }

 private:
  struct Added {
    std::string key;
    EventId id;
  };
  static constexpr size_t kept_max = 65536;  // room kept from one batch to the next

  std::deque<Added> added_;
  size_t used_ = 0;
  size_t indexed_ = 0;
  std::unordered_map<std::string_view, const EventId*> index_;
};

}  // namespace waybill::store
