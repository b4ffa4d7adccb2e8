// ingest/followers.h — what the followers of a relay say that they have, over a broker that does not keep.
//
// Invariant: who has another journal, more than this one, or less than is left of it, is refused and told once in the log: it
//            counts as one that has said nothing, and stops nobody but trimming.
// Threads:   one.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "ingest/parcel.h"

namespace waybill::ingest {

class Followers {
 public:
  static constexpr std::chrono::seconds heard_within{5};  // they speak twice a second, whether they got anything or not

  Followers(const std::vector<std::string>& names, journal::Source& journal, uint64_t journal_id, Clock& clock);

  // Whether it is one of ours that speaks of a line of ours.
  bool hear(const Receipt& receipt);
  // Of those that were heard lately: everything below it all of them have. Nothing: nobody was.
  std::optional<uint64_t> slowest_heard() const;
  // Below it all of them have everything, heard lately or not. Nothing: one has not said yet what it has.
  std::optional<uint64_t> lowest() const;
  // Whether one that has no more than this said that something behind it is missing; asked once.
  bool takes_missing(uint64_t below);
  // Who is not heard, or refused, and why; empty: all is well.
  std::string trouble() const;

 private:
  struct Follower {
    std::optional<uint64_t> mark;
    std::optional<std::chrono::steady_clock::time_point> heard_at;
    std::string refused;
    bool missing = false;
  };
  Result<void> check(const Receipt& receipt);
  bool is_heard(const Follower& follower) const;

  journal::Source& journal_;
  const uint64_t journal_id_;
  Clock& clock_;
  std::map<std::string, Follower> followers_;
  std::set<std::string> strangers_;  // who spoke and is none of ours, told once
};

}  // namespace waybill::ingest
