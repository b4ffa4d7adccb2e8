// lake/simulated_objects.h — objects in memory that fail on purpose, for tests.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "lake/objects.h"

namespace waybill::lake {

// What becomes of an operation that is made to fail: nothing, or it happened and only the answer is lost.
enum class Lost { operation, answer };

class SimulatedObjects final : public Objects {
 public:
  Result<void> put(const std::string& key, Bytes content, IfThere if_there) override {
    if (!is_key(key)) return fail(Code::invalid, "put " + key + ": no key");
    return change(key, [&]() -> Result<void> {
      if (if_there == IfThere::conflict && objects_.contains(key)) return fail(Code::conflict, key + " is there");
      objects_[key] = std::string(as_text(content));
      return {};
    });
  }
  Result<void> put_file(const std::string& key, const std::string& path, IfThere if_there) override {
    TRY_LET(const std::string content, read_file(system_files(), path));
    return put(key, as_bytes(content), if_there);
  }
  Result<std::string> get(const std::string& key) const override {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return fail(Code::not_found, key + " is not there");
    return found->second;
  }
  Result<std::vector<ObjectInfo>> list(const std::string& prefix, const std::string& after) const override {
    const std::lock_guard lock(mutex_);
    std::vector<ObjectInfo> found;
    for (const auto& [key, content] : objects_)
      if (key.starts_with(prefix) && key > after) found.push_back({key, content.size()});
    return found;
  }
  Result<void> remove(const std::string& key) override {
    return change(key, [&]() -> Result<void> {
      objects_.erase(key);
      return {};
    });
  }
  std::string url() const override { return "memory"; }

  // The n-th change from now on (from 1) answers unavailable.
  void fail_at(uint64_t n, Lost lost) {
    const std::lock_guard lock(mutex_);
    left_ = n;
    lost_ = lost;
    failed_ = false;
  }
  bool has_failed() const { return failed_; }
  // Called once, before the next put of a key that begins so, without a lock held: another process is quicker.
  void before_put_of(std::string prefix, std::function<void()> then) {
    prefix_ = std::move(prefix);
    then_ = std::move(then);
  }
  void flip_bit(const std::string& key, size_t byte) {
    const std::lock_guard lock(mutex_);
    objects_.at(key).at(byte) = static_cast<char>(objects_.at(key).at(byte) ^ 1);
  }
  std::map<std::string, std::string> all() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }

 private:
  template <class Do>
  Result<void> change(const std::string& key, Do happens) {
    if (then_ && key.starts_with(prefix_)) std::exchange(then_, nullptr)();
    const std::lock_guard lock(mutex_);
    const bool fails = left_ > 0 && --left_ == 0;
    if (!fails) return happens();
    failed_ = true;
    if (lost_ == Lost::answer) (void)happens();
    return fail(Code::unavailable, key + ": made to fail");
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;
  uint64_t left_ = 0;
  Lost lost_ = Lost::operation;
  bool failed_ = false;
  std::string prefix_;
  std::function<void()> then_;
};

}  // namespace waybill::lake
