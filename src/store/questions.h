// store/questions.h — what can be asked of a store, and the shapes of its answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/erasure.h"
#include "domain/geo.h"
#include "domain/hook.h"
#include "domain/order.h"
#include "wire/record.h"

namespace waybill::store {

// Where an event is in the outbox: what it came of, and which of the record's events it is.
struct EventPlace {
  uint64_t offset = 0;
  uint32_t number = 0;

  EventPlace next() const { return {offset, number + 1}; }
  auto operator<=>(const EventPlace&) const = default;
};

// A location where it is kept. Tracks and last are ordered by fix time, then state, then identity.
struct Kept {
  uint64_t offset = 0;
  Location location;

  bool operator==(const Kept&) const = default;
};

struct OrderView {
  Order order;
  std::optional<Kept> last;  // newest fix of its track, those ahead of our clock left out
};

struct DelivererView {
  DelivererId id;
  std::optional<Kept> last;
  std::vector<OrderId> orders;  // assigned to it now, at most deliverer_orders_max
  Time updated_at{};
};
inline constexpr size_t deliverer_orders_max = 1000;

struct TrackQuery {
  std::optional<OrderId> order;  // exactly one of the two
  std::optional<DelivererId> deliverer;
  std::optional<Time> from;  // fix time, included
  std::optional<Time> to;  // fix time, not included
  size_t limit = 1000;  // 1 … track_limit_max
  std::string cursor;  // next_cursor of the page before, or empty
};
inline constexpr size_t track_limit_max = 10'000;

// A page may hold fewer than the limit and still go on: a cursor that is not empty says so.
struct TrackPage {
  std::vector<Kept> locations;  // oldest fix first
  std::string next_cursor;  // empty at the end
};

struct OrdersQuery {
  std::optional<OrderState> state;
  std::optional<Box> box;  // of last
  std::optional<Time> updated_since;  // by our clock, a minute's grain; locations of its deliverer count as well
  size_t limit = 100;  // 1 … orders_limit_max
  std::string cursor;
};
inline constexpr size_t orders_limit_max = 1000;
inline constexpr size_t orders_scan_max = 10'000;  // rows looked at for one page, then a cursor

struct OrdersPage {
  std::vector<OrderView> orders;
  std::string next_cursor;
};

// Orders under way that nothing was heard of, neither of them nor of who has them, after `before` (by our clock); those that
// are said to be silent already left out.
struct UnheardQuery {
  Time since{};  // and that something was heard of at or after this: a minute's grain
  Time before{};
  size_t limit = 100;
};

struct Unheard {
  OrderView order;
  Time heard_at{};  // the last time
};

struct UnheardPage {
  std::vector<Unheard> orders;
  bool more = false;  // there may be others
};

// Where a record with a client's id is.
struct Found {
  std::string scope;  // "d" + deliverer or "o" + order
  uint64_t offset = 0;
  bool operator==(const Found&) const = default;
};

struct QuarantineRow {
  uint64_t offset = 0;
  wire::Quarantined what;
};

struct QuarantinePage {
  std::vector<QuarantineRow> rows;
  uint64_t next = 0;  // offset to go on from; 0 at the end
};

struct AccessQuery {
  std::optional<Grant::Kind> kind;
  size_t limit = 100;  // 1 … accesses_limit_max
  std::string cursor;
};
inline constexpr size_t accesses_limit_max = 1000;

struct AccessPage {
  std::vector<Access> accesses;  // by kind, then id
  std::string next_cursor;  // empty at the end
};

struct HookRow {
  uint64_t since = 0;  // the journal record that made it: it is told what comes behind
  Hook hook;
};

struct ErasureRow {
  uint64_t offset = 0;  // of its journal record
  Erasure erasure;
};

// What one step of an erasure did.
struct Swept {
  uint64_t locations = 0;  // rows that went
  uint64_t others = 0;  // rows of anything else that went or lost the name
  bool more = true;
};
inline constexpr size_t sweep_rows_max = 5000;  // rows looked at by one step

struct OutboxRow {
  EventPlace place;
  Event event;
};
inline constexpr size_t outbox_bytes_max = 4 << 20;  // of one answer, unless a single event has more
inline constexpr size_t outbox_drop_max = 10'000;  // rows removed by one call

}  // namespace waybill::store
