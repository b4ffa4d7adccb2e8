#include "ingest/followers.h"

#include <algorithm>

#include "base/log.h"

namespace waybill::ingest {
namespace {

constexpr size_t strangers_told_max = 100;

}  // namespace

Followers::Followers(const std::vector<std::string>& names, journal::Source& journal, uint64_t journal_id, Clock& clock)
    : journal_(journal), journal_id_(journal_id), clock_(clock) {
  for (const std::string& name : names) followers_[name] = {};
}

bool Followers::hear(const Receipt& receipt) {
  if (receipt.below.partition != journal_.partition()) return false;
  const auto found = followers_.find(receipt.follower);
  if (found == followers_.end()) {
    if (strangers_.size() < strangers_told_max && strangers_.insert(receipt.follower).second)
      log::warning("a follower that is not in relay.followers gets nothing again that it misses",
                   {{"name", receipt.follower}});
    return false;
  }
  Follower& follower = found->second;
  if (const auto checked = check(receipt); !checked) {
    if (follower.refused != checked.error().message)
      log::error("a follower cannot be served", {{"name", receipt.follower}, {"why", checked.error().message}});
    follower = {.mark = std::nullopt, .heard_at = std::nullopt, .refused = checked.error().message};
    return true;
  }
  follower = {.mark = receipt.below.offset,
              .heard_at = clock_.steady(),
              .refused = {},
              .missing = receipt.missing || (follower.missing && follower.mark == receipt.below.offset)};
  return true;
}

Result<void> Followers::check(const Receipt& receipt) {
  const uint64_t below = receipt.below.offset;
  if (receipt.journal != journal_id_ && (receipt.journal != 0 || below != 0))
    return fail(Code::conflict, "it has records of another journal");
  if (below > 0)
    if (const auto checked = journal_.epochs().check_watermark(receipt.below.epoch, below); !checked)
      return fail(Code::conflict, "it has another journal: " + checked.error().message);
  if (below < journal_.begin())
    return fail(Code::conflict, "it needs the journal from " + std::to_string(below) + " on, which begins at " +
                                    std::to_string(journal_.begin()) +
                                    ": make it anew from a copy of another's folder");
  if (below > journal_.durable_end()) TRY(journal_.read(below, 1));  // one that is followed looks again
  if (below > journal_.durable_end())
    return fail(Code::conflict, "it has everything below " + std::to_string(below) + ", the journal ends at " +
                                    std::to_string(journal_.durable_end()));
  return {};
}

bool Followers::is_heard(const Follower& follower) const {
  return follower.heard_at && clock_.steady() - *follower.heard_at <= heard_within;
}

std::optional<uint64_t> Followers::slowest_heard() const {
  std::optional<uint64_t> slowest;
  for (const auto& [name, follower] : followers_)
    if (is_heard(follower)) slowest = std::min(slowest.value_or(*follower.mark), *follower.mark);
  return slowest;
}

std::optional<uint64_t> Followers::lowest() const {
  std::optional<uint64_t> lowest;
  for (const auto& [name, follower] : followers_) {
    if (!follower.mark) return std::nullopt;
    lowest = std::min(lowest.value_or(*follower.mark), *follower.mark);
  }
  return lowest;
}

bool Followers::takes_missing(uint64_t below) {
  bool missing = false;
  for (auto& [name, follower] : followers_)
    if (follower.mark && *follower.mark <= below) missing = std::exchange(follower.missing, false) || missing;
  return missing;
}

std::string Followers::trouble() const {
  std::string all;
  for (const auto& [name, follower] : followers_) {
    if (is_heard(follower)) continue;
    const std::string why = follower.refused.empty() ? "is not heard" : follower.refused;
    all += (all.empty() ? "" : "; ") + name + ": " + why;
  }
  return all;
}

}  // namespace waybill::ingest
