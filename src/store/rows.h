// store/rows.h — the values of the store's tables, to and from bytes (docs/FORMATS.md, Store).
//
// Threads: pure functions.
// Failure: corrupt for bytes that were not written here; nothing outside them is read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/keys.h"
#include "store/store.h"

namespace waybill::store {

inline constexpr uint64_t store_format = 2;  // grows with any change that an older program would misread

struct Meta {
  uint64_t format = store_format;
  uint32_t epoch = 0;
  uint32_t partition = 0;
  uint64_t visible = 0;
  uint64_t purged = 0;
};
std::string encode_meta(const Meta& meta);
Result<Meta> decode_meta(std::string_view bytes);  // invalid where its format is newer than store_format

// A location's row as it stands in its table and, as a copy, in the rows of those whose newest it is.
struct NewestRow {
  Place place;
  std::string row;  // offset varint, record; empty where there is none

  bool empty() const { return row.empty(); }
  void take(const Place& other, std::string_view other_row);  // where it is newer
};
Result<Kept> decode_kept(std::string_view row);
uint64_t offset_of(std::string_view row);  // the number that a row begins with; UINT64_MAX where it does not
// Whether the location in this row names an order; without decoding all of it.
bool names_order(std::string_view row);

struct OrderRow {
  Order order;
  NewestRow named;                    // newest location that names it, none that is ahead
  std::optional<Place> deliverer_at;  // of the newest location that named both it and a deliverer
  std::optional<Time> scope_newest;   // newest fix ever among the locations that name only it
  std::optional<uint32_t> minute;     // it is in `updated` under
};
void encode_order(const OrderRow& row, std::string& into);
Result<OrderRow> decode_order(std::string_view id, std::string_view bytes);

struct DelivererRow {
  DelivererId id;
  NewestRow newest;                  // none that is ahead
  NewestRow loose;                   // the same of those without an order
  std::optional<Time> scope_newest;  // newest fix ever
  Time updated_at{};
  std::optional<uint32_t> minute;
  bool orders_silent = false;  // some of the orders that it has may be silent
};
void encode_deliverer(const DelivererRow& row, std::string& into);
Result<DelivererRow> decode_deliverer(std::string_view id, std::string_view bytes);

// Who has the order now by a command: `assigned` holds the pair. Nobody has one that is closed or cancelled.
const DelivererId* holder_of(const Order& order);

struct QuarantineValue {
  EventId id;
  wire::Quarantined what;
};
std::string encode_quarantine(const EventId& id, const wire::Quarantined& what);
Result<QuarantineValue> decode_quarantine(std::string_view bytes);

std::string encode_found(const Found& found);
Result<Found> decode_found(std::string_view bytes);

// The value of order_hours and loose_hours: a bound that the positions of an hour's locations stay below for a while, so that
// the row is written again once in so many positions and not with each location.
inline constexpr uint64_t hour_block = 16 * ledger_span;
uint64_t hour_until(uint64_t offset);
std::string encode_hour(uint64_t until);

std::string encode_ledger(const Ledger& ledger);
Result<Ledger> decode_ledger(std::string_view bytes);

// Why a decoded record cannot be kept as what it is; empty where it can. Keys and comparisons rely on it: ids of
// 1 … id_bytes_max bytes without control characters, times of a location within the years 1 … 9999.
std::string_view misfit(const Location& location);
std::string_view misfit(const OrderCommand& command);
std::string_view misfit(const Grant& grant);
std::string_view misfit(const Hook& hook);
bool is_of_the_calendar(Time time);  // years 1 … 9999

}  // namespace waybill::store
