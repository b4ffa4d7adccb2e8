#include "wire/erased_names.h"

#include <algorithm>

#include "base/check.h"
#include "base/secret_hash.h"
#include "wire/json_text.h"
#include "wire/topic_in.h"

namespace waybill::wire {

ErasedNames::ErasedNames(const ErasedNames& known, std::span<const Erasure> some) {
  {
    const std::shared_lock lock(known.mutex_);
    key_ = known.key_;
  }
  for (const Erasure& erasure : some) add(erasure);
}

void ErasedNames::set_key(const Hash128& key) {
  const std::unique_lock lock(mutex_);
  CHECK(!key_, "the key of the erased names is set once");
  key_ = key;
}

bool ErasedNames::has_key() const {
  const std::shared_lock lock(mutex_);
  return key_.has_value();
}

void ErasedNames::add(const Erasure& erasure) {
  const std::lock_guard adding(adding_);
  const std::unique_lock lock(mutex_);
  if (names_.emplace(erasure.kind, erasure.name).second) generation_.fetch_add(1, std::memory_order_release);
  any_.store(true, std::memory_order_release);
}

Hash128 ErasedNames::hash_of(Erasure::Kind kind, std::string_view id) const {
  const std::shared_lock lock(mutex_);
  CHECK(key_.has_value(), "names are hashed with a key");
  return secret_hash(*key_, std::string(to_string(kind)).append(1, ' ').append(id));
}

bool ErasedNames::has(Erasure::Kind kind, std::string_view id) const {
  const std::shared_lock lock(mutex_);
  if (names_.empty() || !key_) return false;
  return names_.contains({kind, secret_hash(*key_, std::string(to_string(kind)).append(1, ' ').append(id))});
}

bool ErasedNames::has_scope(std::string_view scope) const {
  if (scope.empty()) return false;
  return has(scope.front() == 'd' ? Erasure::Kind::deliverer : Erasure::Kind::order, scope.substr(1));
}

bool ErasedNames::names_one(const Location& location) const { return has(location.deliverer) || has(location.order); }

bool ErasedNames::names_one(const Event& event) const {
  return has(event.deliverer) || has(event.order) || (event.location && names_one(*event.location));
}

// The members that name somebody, of an item as it came, and the topic that it was published to. What is no object of JSON names nobody that we could know.
bool ErasedNames::names_one(const Quarantined& quarantined) const {
  if (quarantined.source == "journal") {
    Record record;
    return decode_record(as_bytes(quarantined.raw), record) && names_one(record);
  }
  if (names_one_in_topic(quarantined.source)) return true;
  JsonChecker checker;
  const std::string_view object = json_trimmed(quarantined.raw);
  if (!checker.check(quarantined.raw) || kind_of(object) != JsonKind::object) return false;
  std::string name_text, value_text;
  JsonWalk walk(object);
  for (std::string_view name, value; walk.next_member(name, value);) {
    const auto known = json_string(name, name_text);
    if (known != "deliverer_id" && known != "order_id") continue;
    const auto kind = known == "deliverer_id" ? Erasure::Kind::deliverer : Erasure::Kind::order;
    if (kind_of(value) == JsonKind::string) {
      if (const auto id = json_string(value, value_text); id && has(kind, *id)) return true;
    } else if (has(kind, value)) {
      return true;
    }
  }
  return false;
}

// Which of a topic's levels is a deliverer is a setting, which may have been another one then.
bool ErasedNames::names_one_in_topic(std::string_view source) const {
  if (!source.starts_with(topic_source)) return false;
  source.remove_prefix(topic_source.size());
  while (!source.empty()) {
    const std::string_view level = source.substr(0, source.find('/'));
    if (!level.empty() && has(Erasure::Kind::deliverer, level)) return true;
    source.remove_prefix(std::min(source.size(), level.size() + 1));
  }
  return false;
}

bool ErasedNames::names_one(const Record& record) const {
  if (const auto* location = std::get_if<Location>(&record)) return names_one(*location);
  if (const auto* command = std::get_if<OrderCommand>(&record)) {
    if (has(Erasure::Kind::order, command->order.text) || has(command->deliverer)) return true;
    if (!command->assignments) return false;
    for (const Assignment& assignment : *command->assignments)
      if (has(Erasure::Kind::deliverer, assignment.deliverer.text)) return true;
    return false;
  }
  if (const auto* quarantined = std::get_if<Quarantined>(&record)) return names_one(*quarantined);
  if (const auto* grant = std::get_if<Grant>(&record)) {
    if (grant->role == Role::deliverer) return has(Erasure::Kind::deliverer, grant->subject);
    return grant->role == Role::customer && has(Erasure::Kind::order, grant->subject);
  }
  if (const auto* remains = std::get_if<Remains>(&record)) {
    if (remains->rest.empty()) return false;
    Record rest;
    return decode_record(as_bytes(remains->rest), rest) && names_one(rest);
  }
  return false;
}

ErasedNames::Left ErasedNames::take_out(Record& record) const {
  if (!names_one(record)) return Left::all;
  if (auto* command = std::get_if<OrderCommand>(&record)) return take_out(*command);
  if (auto* grant = std::get_if<Grant>(&record)) return take_out(*grant);
  if (auto* remains = std::get_if<Remains>(&record)) return take_out(*remains);
  return Left::nothing;
}

ErasedNames::Left ErasedNames::take_out(OrderCommand& command) const {
  if (has(Erasure::Kind::order, command.order.text)) return Left::nothing;
  if (has(command.deliverer)) {
    command.deliverer.reset();
    // Nobody to hand it to any more: it says nothing.
    if (command.kind == OrderCommand::Kind::reassign) command.kind = OrderCommand::Kind::put;
  }
  if (command.assignments) take_out(*command.assignments);
  return Left::some;
}

// The credential stays what it is, taken back where it was; whose it was is gone.
ErasedNames::Left ErasedNames::take_out(Grant& grant) const {
  grant.subject.clear();
  grant.note.clear();
  return Left::some;
}

ErasedNames::Left ErasedNames::take_out(Remains& remains) const {
  Record rest;
  if (!decode_record(as_bytes(remains.rest), rest)) return Left::all;
  const Left left = take_out(rest);
  remains.rest.clear();
  if (left != Left::nothing) encode_record(rest, remains.rest);
  return Left::some;
}

bool ErasedNames::take_out(std::vector<Assignment>& assignments) const {
  return std::erase_if(assignments, [this](const Assignment& assignment) {
           return has(Erasure::Kind::deliverer, assignment.deliverer.text);
         }) > 0;
}

bool ErasedNames::take_out(Order& order) const {
  bool changed = take_out(order.assignments);
  if (has(order.deliverer)) {
    order.deliverer.reset();
    order.assigned = false;
    changed = true;
  }
  return changed;
}

}  // namespace waybill::wire
