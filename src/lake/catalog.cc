#include "lake/catalog.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "base/log.h"
#include "base/random.h"
#include "lake/catalog_text.h"

namespace waybill::lake {
namespace {

constexpr std::string_view versions = "catalog/version-";
constexpr std::string_view checkpoints = "catalog/checkpoint-";

std::string random_id() { return to_hex(Hash128{.high = random_seed(), .low = random_seed()}); }

class ObjectCatalog final : public Catalog {
 public:
  ObjectCatalog(Objects& objects, Clock& clock, CatalogOptions options)
      : objects_(objects), clock_(clock), options_(options) {}

  Result<void> refresh() override {
    const std::lock_guard lock(mutex_);
    return read_on({});
  }

  std::shared_ptr<const Snapshot> now() const override {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  Result<uint64_t> claim(const std::string& role) override {
    const std::lock_guard lock(mutex_);
    const auto next = [&](const Snapshot& state) {
      const auto found = state.claims.find(role);
      return (found == state.claims.end() ? 0 : found->second) + 1;
    };
    TRY(make({.made_at = {}, .change = {.what = "claim " + role}},
             [&](Commit& commit) { commit.claims = {{role, next(*state_)}}; }));
    return state_->claims.at(role);
  }

  Result<uint64_t> commit(Change change) override {
    const std::lock_guard lock(mutex_);
    return make({.made_at = {}, .change = std::move(change)}, [](Commit&) {});
  }

  Result<std::vector<Version>> history(size_t at_most) const override {
    TRY_LET(std::vector<ObjectInfo> kept, objects_.list(std::string(versions), {}));
    if (kept.size() > at_most) kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(at_most));
    std::vector<Version> lines;
    for (const ObjectInfo& object : kept) {
      TRY_LET(const Commit commit, read_version(object.key));
      Version& line = lines.emplace_back(Version{.number = commit.number,
                                                 .made_at = commit.made_at,
                                                 .role = commit.change.role,
                                                 .what = commit.change.what,
                                                 .files_added = commit.change.add.size(),
                                                 .files_removed = commit.change.remove.size()});
      for (const DataFile& file : commit.change.add) line.rows_added += file.rows;
    }
    return lines;
  }

  Result<uint64_t> expire(Time before) override {
    const std::lock_guard lock(mutex_);
    TRY(read_on({}));
    TRY(put_checkpoint());  // what goes is not needed to know the newest state
    TRY_LET(const std::vector<ObjectInfo> kept, objects_.list(std::string(versions), {}));
    uint64_t removed = 0;
    for (const ObjectInfo& object : kept) {
      TRY_LET(const Commit commit, read_version(object.key));
      if (commit.made_at >= before || commit.number >= state_->version) break;
      for (const std::string& key : commit.change.remove) {
        if (state_->files.contains(key)) continue;
        TRY(objects_.remove(key));
        ++removed;
      }
      TRY(objects_.remove(object.key));  // last: killed before, all of it is done again
    }
    TRY_LET(const std::vector<ObjectInfo> older, objects_.list(std::string(checkpoints), {}));
    for (const ObjectInfo& object : older)
      if (number_of_key(object.key).value_or(state_->version) < state_->version) TRY(objects_.remove(object.key));
    return removed;
  }

  Result<uint64_t> remove_unnamed(const std::string& prefix) override {
    const std::lock_guard lock(mutex_);
    // What is there first, then what is named: what comes meanwhile is not looked at.
    TRY_LET(const std::vector<ObjectInfo> found, objects_.list(prefix, {}));
    TRY(read_on({}));
    std::set<std::string> named;  // by those who may still read a state of before
    TRY_LET(const std::vector<ObjectInfo> kept, objects_.list(std::string(versions), {}));
    for (const ObjectInfo& object : kept) {
      TRY_LET(const Commit commit, read_version(object.key));
      named.insert(commit.change.remove.begin(), commit.change.remove.end());
    }
    uint64_t removed = 0;
    for (const ObjectInfo& object : found) {
      if (state_->files.contains(object.key) || named.contains(object.key)) continue;
      TRY(objects_.remove(object.key));
      ++removed;
    }
    return removed;
  }

  Result<void> open() {
    const std::lock_guard lock(mutex_);
    return read_all();
  }

 private:
  Result<Commit> read_version(const std::string& key) const {
    TRY_LET(const std::string text, objects_.get(key));
    return decode_version(text, key);
  }

  // The newest checkpoint and what is behind it.
  Result<void> read_all() {
    TRY_LET(const std::vector<ObjectInfo> found, objects_.list(std::string(checkpoints), {}));
    auto state = std::make_shared<Snapshot>();
    if (!found.empty()) {
      TRY_LET(const std::string text, objects_.get(found.back().key));
      TRY_LET(*state, decode_checkpoint(text, found.back().key));
    }
    state_ = std::move(state);
    return read_on({});
  }

  // The versions behind ours; the number of the one whose id is `own`, where it is among them, is remembered.
  Result<void> read_on(std::string_view own) {
    TRY_LET(const std::vector<ObjectInfo> newer, objects_.list(std::string(versions), version_key(state_->version)));
    if (newer.empty()) return {};
    if (number_of_key(newer.front().key) != state_->version + 1) {
      // What we read last is forgotten by now.
      TRY_LET(const std::vector<ObjectInfo> found, objects_.list(std::string(checkpoints), {}));
      if (found.empty() || number_of_key(found.back().key).value_or(0) <= state_->version)
        return fail(Code::corrupt, "the lake's catalog has no version " + std::to_string(state_->version + 1) +
                                       " but has " + newer.front().key);
      return read_all();
    }
    for (const ObjectInfo& object : newer) {
      TRY_LET(const Commit commit, read_version(object.key));
      Result<Snapshot> after = apply(*state_, commit);
      if (!after)
        return fail(Code::corrupt, object.key + ": does not fit the version before: " + after.error().message);
      state_ = std::make_shared<const Snapshot>(*std::move(after));
      if (!own.empty() && commit.id == own) own_number_ = commit.number;
    }
    return {};
  }

  // Makes the commit the next version; `complete` is called for each attempt, with state_ the version before.
  template <class Complete>
  Result<uint64_t> make(Commit commit, Complete complete) {
    commit.id = random_id();
    own_number_ = 0;
    while (true) {
      TRY(read_on(commit.id));
      if (own_number_ != 0) return own_number_;  // an answer was lost, it had happened
      commit.number = state_->version + 1;
      commit.made_at = clock_.now();
      complete(commit);
      TRY_LET(Snapshot after, apply(*state_, commit));
      const Result<void> put =
          objects_.put(version_key(commit.number), as_bytes(encode_version(commit)), IfThere::conflict);
      if (put) {
        state_ = std::make_shared<const Snapshot>(std::move(after));
        keep_checkpoint();
        return commit.number;
      }
      if (put.error().code == Code::conflict) continue;  // somebody was first: us, if an answer was lost
      // It may have happened, or may still: whoever claims the role next takes the number, if it is free.
      if (read_on(commit.id) && own_number_ != 0) return own_number_;
      return std::unexpected(put.error());
    }
  }

  Result<void> put_checkpoint() {
    if (state_->version == 0) return {};
    const Result<void> put =
        objects_.put(checkpoint_key(state_->version), as_bytes(encode_checkpoint(*state_)), IfThere::conflict);
    if (!put && put.error().code != Code::conflict) return put;
    return {};
  }

  void keep_checkpoint() {
    if (state_->version % options_.checkpoint_every != 0) return;
    if (const Result<void> put = put_checkpoint(); !put)
      log::warning("the lake's catalog has no new checkpoint, the next one will do", {{"why", put.error().message}});
  }

  Objects& objects_;
  Clock& clock_;
  const CatalogOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> state_;
  uint64_t own_number_ = 0;
};

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::location: return "location";
    case Kind::command: return "command";
    case Kind::quarantined: return "quarantined";
    case Kind::other: return "other";
    case Kind::erased: return "erased";
  }
  return "";
}

store::Sum Ledger::total() const {
  store::Sum sum;
  for (const store::Sum& one : by_kind) sum += one;
  return sum;
}

std::vector<const DataFile*> Snapshot::of_table(std::string_view table) const {
  std::vector<const DataFile*> found;
  for (const auto& [key, file] : files)
    if (file.table == table) found.push_back(&file);
  return found;
}

std::optional<store::Sum> Snapshot::sum(uint32_t partition, uint64_t begin, uint64_t end) const {
  store::Sum sum;
  uint64_t at = begin;
  for (auto row = ledgers.lower_bound({partition, begin / store::ledger_span}); at < end; ++row) {
    if (row == ledgers.end() || row->first.first != partition || row->second.from != at || row->second.to > end)
      return std::nullopt;
    sum += row->second.total();
    at = row->second.to;
  }
  return sum;
}

Result<std::unique_ptr<Catalog>> open_catalog(Objects& objects, Clock& clock, CatalogOptions options) {
  auto catalog = std::make_unique<ObjectCatalog>(objects, clock, options);
  if (auto opened = catalog->open(); !opened) return fail_in("the lake's catalog", opened.error());
  return catalog;
}

}  // namespace waybill::lake
