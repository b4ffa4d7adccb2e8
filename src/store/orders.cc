#include "store/reading.h"

namespace waybill::store {
namespace {

Result<OrderView> view_of(const View& view, OrderRow row) {
  OrderView seen;
  TRY_LET(seen.last, last_of(view, row));
  seen.order = std::move(row.order);
  return seen;
}

// Orders that pass the query's filters, into one page.
class OrdersPageBuilder {
 public:
  OrdersPageBuilder(const View& view, const OrdersQuery& query) : view_(view), query_(query) {}

  bool full() const { return page_.orders.size() >= query_.limit; }
  bool spent() const { return scanned_ >= orders_scan_max; }
  bool over() const { return full() || spent(); }

  void count() { ++scanned_; }
  Result<void> offer(OrderRow row) {
    if (query_.state && row.order.state() != *query_.state) return {};
    TRY_LET(OrderView seen, view_of(view_, std::move(row)));
    if (query_.box &&
        !(seen.last && query_.box->contains({seen.last->location.latitude, seen.last->location.longitude})))
      return {};
    page_.orders.push_back(std::move(seen));
    return {};
  }
  OrdersPage end() && { return std::move(page_); }
  OrdersPage stop_at(std::string cursor) && {
    page_.next_cursor = std::move(cursor);
    return std::move(page_);
  }

 private:
  const View& view_;
  const OrdersQuery& query_;
  OrdersPage page_;
  size_t scanned_ = 0;
};

Result<OrdersPage> orders_by_id(const View& view, const OrdersQuery& query) {
  constexpr std::string_view question = "orders";
  const auto rows = view.cursor(Table::order, {});
  std::string after;
  if (!query.cursor.empty()) {
    TRY_LET(after, take_cursor(question, query.cursor));
  }
  OrdersPageBuilder page(view, query);
  std::string looked_at = after;
  for (rows->seek(after); rows->valid(); rows->next()) {
    if (!after.empty() && rows->key() == after) continue;
    if (page.over()) return std::move(page).stop_at(make_cursor(question, looked_at));
    page.count();
    TRY_LET(OrderRow row, decode_order(rows->key(), rows->value()));
    TRY(page.offer(std::move(row)));
    looked_at.assign(rows->key());
  }
  TRY(rows->status());
  return std::move(page).end();
}

// Walks `updated` from the minute on. An order stands for itself where its own minute is in reach, else with the deliverer
// who has it: so each comes once.
class UpdatedOrders {
 public:
  UpdatedOrders(const View& view, const OrdersQuery& query)
      : view_(view),
        since_(minute_of(*query.updated_since)),
        question_("updated " + std::to_string(since_)),
        cursor_(query.cursor),
        page_(view, query) {}

  Result<OrdersPage> read() && {
    // A cursor is the key of `updated` that was looked at, a zero byte and the order of its deliverer reached so far.
    std::string key, order;
    if (!cursor_.empty()) {
      TRY_LET(const std::string at, take_cursor(question_, cursor_));
      const size_t split = at.find('\0', std::min<size_t>(at.size(), 5));
      if (at.size() < 6 || split == std::string::npos)
        return fail(Code::invalid, "cursor: it was not given as next_cursor of this query");
      key = at.substr(0, split);
      order = at.substr(split + 1);
    }
    const auto entries = view_.cursor(Table::updated, {});
    entries->seek(key.empty() ? updated_key(since_, '\0', {}) : key);
    for (; entries->valid(); entries->next()) {
      const std::string at(entries->key());
      if (at == key && order.empty()) continue;
      if (page_.over()) return std::move(page_).stop_at(make_cursor(question_, reached_));
      page_.count();
      const std::string id = at.substr(5);
      if (at[4] == updated_order) {
        TRY(offer(id));
        reached_ = id_prefix(at);
      } else {
        TRY_LET(const bool all, offer_of(id, at == key ? order : std::string(), at));
        if (!all) return std::move(page_).stop_at(make_cursor(question_, reached_));
      }
    }
    TRY(entries->status());
    return std::move(page_).end();
  }

 private:
  Result<void> offer(const std::string& id) {
    std::string bytes;
    TRY_LET(const bool known, view_.get(Table::order, id, bytes));
    if (!known) return fail(Code::corrupt, "store: order " + id + " is indexed and has no row");
    TRY_LET(OrderRow row, decode_order(id, bytes));
    return page_.offer(std::move(row));
  }

  // false: the page is full before the deliverer's orders are over.
  Result<bool> offer_of(const std::string& deliverer, const std::string& after, const std::string& entry) {
    const std::string prefix = id_prefix(deliverer);
    const auto assigned = view_.cursor(Table::assigned, prefix);
    std::string bytes;
    if (!after.empty()) reached_ = id_prefix(entry) + after;
    for (assigned->seek(prefix + after); assigned->valid(); assigned->next()) {
      const std::string id(assigned->key().substr(prefix.size()));
      if (!after.empty() && id == after) continue;
      if (page_.over()) return false;
      page_.count();
      TRY_LET(const bool known, view_.get(Table::order, id, bytes));
      if (!known) return fail(Code::corrupt, "store: order " + id + " is assigned and has no row");
      TRY_LET(OrderRow row, decode_order(id, bytes));
      if (minute_of(row.order.updated_at) < since_) TRY(page_.offer(std::move(row)));
      reached_ = id_prefix(entry) + id;
    }
    TRY(assigned->status());
    // All of them: the entry as a whole is behind us.
    reached_ = id_prefix(entry);
    return true;
  }

  const View& view_;
  uint32_t since_;
  std::string question_;
  std::string cursor_;
  std::string reached_;
  OrdersPageBuilder page_;
};

}  // namespace

Result<std::optional<OrderView>> read_order(const View& view, std::string_view id) {
  std::string bytes;
  TRY_LET(const bool known, view.get(Table::order, id, bytes));
  if (!known) return std::optional<OrderView>();
  TRY_LET(OrderRow row, decode_order(id, bytes));
  TRY_LET(OrderView seen, view_of(view, std::move(row)));
  return seen;
}

Result<std::optional<DelivererView>> read_deliverer(const View& view, std::string_view id) {
  std::string bytes;
  TRY_LET(const bool known, view.get(Table::deliverer, id, bytes));
  if (!known) return std::optional<DelivererView>();
  TRY_LET(DelivererRow row, decode_deliverer(id, bytes));
  TRY(renew(view, row));
  DelivererView seen{.id = row.id, .last = {}, .orders = {}, .updated_at = row.updated_at};
  if (!row.newest.empty()) {
    TRY_LET(seen.last, decode_kept(row.newest.row));
  }
  const std::string prefix = id_prefix(id);
  const auto assigned = view.cursor(Table::assigned, prefix);
  for (assigned->seek(prefix); assigned->valid() && seen.orders.size() < deliverer_orders_max; assigned->next()) {
    const std::string_view order = assigned->key().substr(prefix.size());
    TRY_LET(const bool there, view.get(Table::order, order, bytes));
    if (!there) return fail(Code::corrupt, "store: order " + std::string(order) + " is assigned and has no row");
    TRY_LET(OrderRow order_row, decode_order(order, bytes));
    seen.orders.push_back(std::move(order_row.order.id));
  }
  TRY(assigned->status());
  return seen;
}

Result<OrdersPage> read_orders(const View& view, const OrdersQuery& query) {
  if (query.limit == 0 || query.limit > orders_limit_max)
    return fail(Code::invalid, "orders: limit must be 1 … " + std::to_string(orders_limit_max));
  if (query.updated_since) return UpdatedOrders(view, query).read();
  return orders_by_id(view, query);
}

}  // namespace waybill::store
