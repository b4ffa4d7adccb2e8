#include <algorithm>

#include "store/reading.h"

namespace waybill::store {
namespace {

// Walks `updated`: who has news stands under a later minute, so only those who have none are met.
class UnheardOrders {
 public:
  UnheardOrders(const View& view, const UnheardQuery& query) : view_(view), query_(query) {}

  Result<UnheardPage> read() && {
    const auto entries = view_.cursor(Table::updated, {});
    const uint32_t end = minute_of(query_.before);
    for (entries->seek(updated_key(minute_of(query_.since), '\0', {})); entries->valid(); entries->next()) {
      const std::string key(entries->key());
      if (be32_of(key) > end) break;
      const std::string id = key.substr(5);
      if (key[4] == updated_order)
        TRY(look_at(id));
      else
        TRY(look_at_orders_of(id));
      if (page_.more) return std::move(page_);
    }
    TRY(entries->status());
    return std::move(page_);
  }

 private:
  Result<void> look_at(const std::string& id) {
    std::string bytes;
    TRY_LET(const bool known, view_.get(Table::order, id, bytes));
    if (!known) return {};
    TRY_LET(OrderRow row, decode_order(id, bytes));
    if (!row.order.under_way() || row.order.silent_since) return {};
    Time heard_at = row.order.updated_at;
    if (const DelivererId* holder = holder_of(row.order)) {
      TRY_LET(const bool has_row, view_.get(Table::deliverer, holder->text, bytes));
      if (has_row) {
        TRY_LET(const DelivererRow of_holder, decode_deliverer(holder->text, bytes));
        heard_at = std::max(heard_at, of_holder.updated_at);
      }
    }
    if (heard_at > query_.before) return {};
    // It may stand here twice: for itself and for who has it.
    for (const Unheard& other : page_.orders)
      if (other.order.order.id == row.order.id) return {};
    if (page_.orders.size() == query_.limit) {
      page_.more = true;
      return {};
    }
    TRY_LET(auto seen, read_order(view_, id));
    if (seen) page_.orders.push_back({.order = std::move(*seen), .heard_at = heard_at});
    return {};
  }

  Result<void> look_at_orders_of(const std::string& deliverer) {
    const std::string prefix = id_prefix(deliverer);
    const auto assigned = view_.cursor(Table::assigned, prefix);
    for (assigned->seek(prefix); assigned->valid() && !page_.more; assigned->next())
      TRY(look_at(std::string(assigned->key().substr(prefix.size()))));
    return assigned->status();
  }

  const View& view_;
  const UnheardQuery& query_;
  UnheardPage page_;
};

}  // namespace

Result<UnheardPage> read_unheard(const View& view, const UnheardQuery& query) {
  return UnheardOrders(view, query).read();
}

}  // namespace waybill::store
