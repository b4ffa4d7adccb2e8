// store/ledger.h — the books: how many positions came to which end, and the sum of their identities.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "domain/location.h"

namespace waybill::store {

// What became of a position: each has exactly one outcome.
enum class Outcome : uint8_t {
  stored,
  repeat,
  quarantined,
  purged,  // was one of the others, and was let go
  erased,  // was one of the others, and was taken out for good
};
inline constexpr size_t outcome_count = 5;
std::string_view to_string(Outcome outcome);

struct Sum {
  uint64_t count = 0;
  Hash128 ids;  // order-independent sum of the identities

  void add(const EventId& id) {
    ++count;
    ids += id;
  }
  Sum& operator+=(const Sum& other) {
    count += other.count;
    ids += other.ids;
    return *this;
  }
  Sum& operator-=(const Sum& other) {
    count -= other.count;
    ids -= other.ids;
    return *this;
  }
  bool operator==(const Sum&) const = default;
};

// The books of the positions [from, to).
struct Ledger {
  uint64_t from = 0;
  uint64_t to = 0;
  std::array<Sum, outcome_count> by_outcome{};
  std::optional<Time> newest;  // received_at, by our clock, of its newest record; missing where it is not known

  Sum& of(Outcome outcome) { return by_outcome[static_cast<size_t>(outcome)]; }
  const Sum& of(Outcome outcome) const { return by_outcome[static_cast<size_t>(outcome)]; }
  Sum total() const;
  bool operator==(const Ledger&) const = default;
};
inline constexpr uint64_t ledger_span = 65536;  // one row of the books for each so many positions; one for all purged

// A count of the rows themselves, for the deep check. Sums leave out nothing that is stored.
struct Recount {
  Sum locations_and_commands;  // equals the sum of all ledgers' `stored`
  Sum quarantined;  // equals the sum of all ledgers' `quarantined`
};

}  // namespace waybill::store
