// store/reading.h — what can be asked of the tables, each question answered from one moment.
//
// Threads: pure functions over a View.
// Failure: corrupt where a row is not what was written; otherwise as store/store.h says.
// Limits:  last_scan_max, track_scan_max, orders_scan_max, deliverer_orders_max.
#pragma once

#include <functional>

#include "store/rows.h"
#include "store/tables.h"

namespace waybill::store {

Result<std::optional<OrderView>> read_order(const View& view, std::string_view id);
Result<std::optional<DelivererView>> read_deliverer(const View& view, std::string_view id);
Result<TrackPage> read_track(const View& view, const TrackQuery& query);
Result<OrdersPage> read_orders(const View& view, const OrdersQuery& query);
Result<UnheardPage> read_unheard(const View& view, const UnheardQuery& query);
Result<std::vector<Found>> find_client_id(const View& view, std::string_view client_id);
Result<QuarantinePage> read_quarantine(const View& view, uint64_t from, size_t limit);
// What was said of the credential whose rows begin with the prefix, and their keys in order; the cursor is behind them then.
struct Said {
  Access access;
  std::vector<std::string> keys;
};
Result<Said> take_credential(Cursor& rows, std::string_view prefix);
std::string_view grant_prefix_of(std::string_view key);
Result<std::optional<Access>> read_access(const View& view, Grant::Kind kind, std::string_view id);
Result<AccessPage> read_accesses(const View& view, const AccessQuery& query);
Result<std::vector<HookRow>> read_hooks(const View& view);
Result<std::vector<ErasureRow>> read_erasures(const View& view);
Result<std::vector<OutboxRow>> read_outbox(const View& view, EventPlace from, size_t limit);
Result<std::vector<Ledger>> read_ledgers(const View& view);
Result<Recount> recount_rows(const View& view);

// The order's last: the newest location that names it, or a newer one without an order of who was assigned to it then.
// Renews the row first.
Result<std::optional<Kept>> last_of(const View& view, OrderRow& row);

// The copies of locations in a row that were let go make room for the newest that are left. Whether any did.
Result<bool> renew(const View& view, OrderRow& row);
Result<bool> renew(const View& view, DelivererRow& row);
// The same of the copies that the function says are gone.
using IsGone = std::function<bool(const NewestRow& copy)>;
Result<bool> renew(const View& view, OrderRow& row, const IsGone& is_gone);
Result<bool> renew(const View& view, DelivererRow& row, const IsGone& is_gone);

// Rows looked at for the newest location of those that are left, or without an order in a period that is over; beyond it the
// search ends with what it has. The index by hour lets it skip every hour without one, so that only a deliverer who names orders at more than
// ten locations a second meets it.
inline constexpr size_t last_scan_max = 100'000;
// Rows looked at for one page of a track; then the page ends early with a cursor.
inline constexpr size_t track_scan_max = 100'000;

// A page's end as opaque text, bound to the question it was given for.
std::string make_cursor(std::string_view question, std::string_view at);
Result<std::string> take_cursor(std::string_view question, std::string_view cursor);  // invalid for any other text

}  // namespace waybill::store
