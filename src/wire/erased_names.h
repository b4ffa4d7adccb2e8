// wire/erased_names.h — whose data was erased, and what is left of a record that names one of them.
//
// A name is known by its hash with a secret key (base/secret_hash.h): neither journal nor store holds the name itself, and
// without the key nobody can try names out.
// Threads: all methods from any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <utility>

#include "domain/event.h"
#include "wire/record.h"

namespace waybill::wire {

class ErasedNames {
 public:
  ErasedNames() = default;
  ErasedNames(const ErasedNames& known, std::span<const Erasure> some);  // these only, by the same key

  void set_key(const Hash128& key);  // once, before anything is asked
  bool has_key() const;

  void add(const Erasure& erasure);
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }  // grows with each that is added
  // Nobody is added while it runs: what was judged by this generation and is written inside is written before the next one.
  template <class Function>
  auto while_known(Function function) const {
    const std::lock_guard lock(adding_);
    return function();
  }
  bool any() const { return any_.load(std::memory_order_acquire); }
  Hash128 hash_of(Erasure::Kind kind, std::string_view id) const;
  bool has(Erasure::Kind kind, std::string_view id) const;

  // Whether there is anything to take out of it.
  bool names_one(const Location& location) const;
  bool names_one(const Record& record) const;
  bool names_one(const Event& event) const;
  bool has_scope(std::string_view scope) const;  // as scope_of() gives it

  // all: it is somebody else's. some: the name was taken out, the rest is in `record`. nothing: all of it has to go.
  enum class Left : uint8_t { all, some, nothing };
  Left take_out(Record& record) const;
  bool take_out(Order& order) const;  // another's order loses the deliverer; whether it had it

 private:
  bool has(const std::optional<DelivererId>& deliverer) const {
    return deliverer && has(Erasure::Kind::deliverer, deliverer->text);
  }
  bool has(const std::optional<OrderId>& order) const { return order && has(Erasure::Kind::order, order->text); }
  bool names_one(const Quarantined& quarantined) const;
  bool names_one_in_topic(std::string_view source) const;
  Left take_out(OrderCommand& command) const;
  Left take_out(Grant& grant) const;
  Left take_out(Remains& remains) const;
  bool take_out(std::vector<Assignment>& assignments) const;

  mutable std::mutex adding_;
  std::atomic<uint64_t> generation_{0};
  mutable std::shared_mutex mutex_;  // of what is below
  std::optional<Hash128> key_;
  std::set<std::pair<Erasure::Kind, Hash128>> names_;
  std::atomic<bool> any_{false};
};

}  // namespace waybill::wire
