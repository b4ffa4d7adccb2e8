#include "store/quiet.h"

#include "store/reading.h"

namespace waybill::store {
namespace {

bool is_awaited(const Order& order) {
  switch (order.state()) {
    case OrderState::arrived:
    case OrderState::closed:
    case OrderState::cancelled: return false;
    case OrderState::open:
    case OrderState::start:
    case OrderState::on_the_way: break;
  }
  return order.assigned || order.destination || order.promised_at || order.sequence;
}

Result<bool> has_rows(const View& view, Table table, const std::string& prefix) {
  const auto rows = view.cursor(table, prefix);
  rows->seek(prefix);
  TRY(rows->status());
  return rows->valid();
}

}  // namespace

Quiet::Quiet(Tables& tables) : tables_(tables), batch_(tables.batch()) {}

Result<Quiet::Changed> Quiet::step(Time newest) {
  auto changed = look_and_write(newest);
  if (changed) return changed;
  reached_.clear();  // from the front again
  credential_reached_.clear();
  among_ = Among::updated;
  return fail_in("remove what has gone quiet", changed.error());
}

Result<Quiet::Changed> Quiet::look_and_write(Time newest) {
  Changed changed;
  batch_->clear();
  something_to_write_ = false;
  {
    const auto view = tables_.view();
    if (among_ == Among::updated) {
      TRY(look_at_the_updated(*view, newest, changed));
      if (!changed.more) {
        reached_.clear();
        among_ = Among::credentials;
        changed.more = true;
      }
    } else {
      TRY(look_at_credentials(*view, newest, changed));
      if (!changed.more) {
        credential_reached_.clear();
        among_ = Among::updated;
      }
    }
  }
  if (!changed.orders.empty() || !changed.deliverers.empty() || something_to_write_) TRY(tables_.write(*batch_));
  return changed;
}

Result<void> Quiet::look_at_the_updated(const View& view, Time newest, Changed& changed) {
  const auto rows = view.cursor(Table::updated, {});
  const uint32_t end = minute_of(newest);
  size_t looked_at = 0;
  for (rows->seek(reached_); rows->valid() && be32_of(rows->key()) < end; rows->next()) {
    reached_.assign(rows->key());
    if (looked_at++ == quiet_rows_max) {
      changed.more = true;
      break;
    }
    const std::string id = reached_.substr(5);
    if (reached_[4] == updated_order)
      TRY(look_at_order(view, id, newest, changed));
    else
      TRY(look_at_deliverer(view, id, changed));
  }
  return rows->status();
}

Result<void> Quiet::look_at_credentials(const View& view, Time newest, Changed& changed) {
  const auto rows = view.cursor(Table::grant, {});
  rows->seek(credential_reached_);
  for (size_t looked_at = 0; rows->valid(); ++looked_at) {
    const std::string prefix(grant_prefix_of(rows->key()));
    if (looked_at == quiet_rows_max) {
      credential_reached_ = prefix;
      changed.more = true;
      return {};
    }
    TRY_LET(const auto said, take_credential(*rows, prefix));
    const Grant& given = said.access.given;
    const bool over = given.kind != Grant::Kind::password && given.expires_at && *given.expires_at < newest;
    if (!over || said.keys.empty() ||
        be64_of(std::string_view(said.keys.back()).substr(prefix.size())) >= view.purged())
      continue;
    for (const std::string& key : said.keys) batch_->remove(Table::grant, key);
    something_to_write_ = true;
  }
  return rows->status();
}

Result<void> Quiet::look_at_order(const View& view, const std::string& id, Time newest, Changed& changed) {
  TRY_LET(const bool known, view.get(Table::order, id, bytes_));
  if (!known) return fail(Code::corrupt, "store: order " + id + " is indexed and has no row");
  TRY_LET(OrderRow row, decode_order(id, bytes_));
  TRY_LET(const bool renewed, renew(view, row));
  TRY_LET(const std::optional<Kept> last, last_of(view, row));
  TRY_LET(const bool has_own, has_rows(view, Table::location, id_prefix("o" + id)));
  const bool long_quiet = row.order.updated_at < newest - std::chrono::days(quiet_order_days);
  const bool stays = has_own || (!long_quiet && (last || is_awaited(row.order)));
  if (stays && !renewed) return {};
  changed.orders.push_back(id);
  if (stays) {
    bytes_.clear();
    encode_order(row, bytes_);
    batch_->put(Table::order, id, bytes_);
    return {};
  }
  batch_->remove(Table::order, id);
  batch_->remove(Table::updated, reached_);
  if (const DelivererId* holder = holder_of(row.order)) batch_->remove(Table::assigned, assigned_key(holder->text, id));
  return remove_all(view, Table::order_hours, id_prefix(id));
}

Result<void> Quiet::look_at_deliverer(const View& view, const std::string& id, Changed& changed) {
  TRY_LET(const bool known, view.get(Table::deliverer, id, bytes_));
  if (!known) return fail(Code::corrupt, "store: deliverer " + id + " is indexed and has no row");
  TRY_LET(DelivererRow row, decode_deliverer(id, bytes_));
  TRY_LET(const bool renewed, renew(view, row));
  TRY_LET(const bool has_locations, has_rows(view, Table::location, id_prefix("d" + id)));
  TRY_LET(const bool has_orders, has_rows(view, Table::assigned, id_prefix(id)));
  const bool stays = has_locations || has_orders;
  if (stays && !renewed) return {};
  changed.deliverers.push_back(id);
  if (stays) {
    bytes_.clear();
    encode_deliverer(row, bytes_);
    batch_->put(Table::deliverer, id, bytes_);
    return {};
  }
  batch_->remove(Table::deliverer, id);
  batch_->remove(Table::updated, reached_);
  return remove_all(view, Table::loose_hours, id_prefix(id));
}

Result<void> Quiet::remove_all(const View& view, Table table, const std::string& prefix) {
  const auto rows = view.cursor(table, prefix);
  for (rows->seek(prefix); rows->valid(); rows->next()) batch_->remove(table, rows->key());
  return rows->status();
}

}  // namespace waybill::store
