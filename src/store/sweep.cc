#include "store/sweep.h"

#include "store/reading.h"
#include "wire/event_bytes.h"

namespace waybill::store {
namespace {

// Locations first: who looks for the newest that is left passes by those that are still there. Indexes after what they lead to.
constexpr std::array tables_in_turn = {Table::location,    Table::order,   Table::deliverer, Table::assigned,
                                       Table::order_hours, Table::updated, Table::client_id, Table::loose_hours,
                                       Table::command,     Table::grant,   Table::outbox,    Table::quarantine};

std::string_view id_in(std::string_view key) { return key.substr(0, key.find('\0')); }

size_t at(Outcome outcome) { return static_cast<size_t>(outcome); }

void move_to_erased(Rebooked::mapped_type& books, Outcome from, const EventId& id) {
  Sum one;
  one.add(id);
  books[at(from)] -= one;
  books[at(Outcome::erased)] += one;
}

}  // namespace

Sweep::Sweep(Tables& tables, Intake& intake, const wire::ErasedNames& known, const Erasure& erasure)
    : tables_(tables), intake_(intake), of_(erasure), erased_(known, std::span(&of_, 1)), batch_(tables.batch()) {}

Result<Swept> Sweep::step() {
  batch_->clear();
  rebooked_.clear();
  swept_ = {};
  size_t table = table_;
  std::string reached = reached_;
  {
    const auto view = tables_.view();
    const auto rows = view->cursor(tables_in_turn[table], {});
    size_t left = sweep_rows_max;
    for (rows->seek(reached); rows->valid() && left > 0; rows->next(), --left)
      TRY(look(*view, {.table = tables_in_turn[table], .key = rows->key(), .value = rows->value()}));
    TRY(rows->status());
    // The next table by a view that does not show any more what went from this one.
    if (rows->valid()) {
      reached.assign(rows->key());
    } else {
      reached.clear();
      ++table;
    }
  }
  if (swept_.locations + swept_.others > 0)
    if (auto written = intake_.write_swept(*batch_, rebooked_); !written) return fail_in("erase", written.error());
  swept_.more = table < tables_in_turn.size();
  table_ = swept_.more ? table : 0;
  reached_ = std::move(reached);
  return swept_;
}

Result<void> Sweep::look(const View& view, const Row& row) {
  switch (row.table) {
    case Table::location: return look_at_location(row);
    case Table::order: return look_at_order(view, row);
    case Table::deliverer: return look_at_deliverer(view, row);
    case Table::command:
    case Table::grant: return look_at_record(view, row);
    case Table::quarantine: return look_at_quarantined(row);
    default: break;
  }
  TRY_LET(const bool goes, is_of_erased(row));
  if (goes) remove(row);
  return {};
}

void Sweep::remove(const Row& row) {
  batch_->remove(row.table, row.key);
  ++(row.table == Table::location ? swept_.locations : swept_.others);
}

void Sweep::replace(const Row& row, std::string_view value) {
  batch_->put(row.table, row.key, value);
  ++swept_.others;
}

Result<void> Sweep::look_at_location(const Row& row) {
  TRY_LET(const Kept kept, decode_kept(row.value));
  if (!erased_.names_one(kept.location)) return {};
  const EventId id = event_id_of(kept.location);
  if (!kept.location.client_id.empty()) batch_->remove(Table::client_id, client_id_key(kept.location.client_id, id));
  move_to_erased(books_of(kept.offset), Outcome::stored, id);
  remove(row);
  return {};
}

Result<bool> Sweep::is_gone(const NewestRow& copy) const {
  if (copy.empty()) return false;
  TRY_LET(const Kept kept, decode_kept(copy.row));
  return erased_.names_one(kept.location);
}

Result<void> Sweep::look_at_order(const View& view, const Row& row) {
  TRY_LET(OrderRow order, decode_order(row.key, row.value));
  if (erased_.has(Erasure::Kind::order, row.key)) {
    if (order.minute) batch_->remove(Table::updated, updated_key(*order.minute, updated_order, row.key));
    if (const DelivererId* holder = holder_of(order.order))
      batch_->remove(Table::assigned, assigned_key(holder->text, row.key));
    remove(row);
    return {};
  }
  const bool without = erased_.take_out(order.order);
  if (!order.order.deliverer) order.deliverer_at.reset();
  TRY_LET(const bool gone, is_gone(order.named));
  if (!without && !gone) return {};
  TRY(renew(view, order, [&](const NewestRow&) { return gone; }));
  bytes_.clear();
  encode_order(order, bytes_);
  replace(row, bytes_);
  return {};
}

Result<void> Sweep::look_at_deliverer(const View& view, const Row& row) {
  TRY_LET(DelivererRow deliverer, decode_deliverer(row.key, row.value));
  if (erased_.has(Erasure::Kind::deliverer, row.key)) {
    if (deliverer.minute) batch_->remove(Table::updated, updated_key(*deliverer.minute, updated_deliverer, row.key));
    remove(row);
    return {};
  }
  TRY_LET(const bool newest, is_gone(deliverer.newest));
  TRY_LET(const bool loose, is_gone(deliverer.loose));
  if (!newest && !loose) return {};
  TRY(renew(view, deliverer, [&](const NewestRow& copy) { return &copy == &deliverer.newest ? newest : loose; }));
  bytes_.clear();
  encode_deliverer(deliverer, bytes_);
  replace(row, bytes_);
  return {};
}

// A row of which the key ends with its position, and the value is its record.
Result<void> Sweep::look_at_record(const View& view, const Row& row) {
  TRY_LET(wire::Record record, wire::decode_record(as_bytes(row.value)));
  if (!erased_.names_one(record)) return {};
  const EventId id = wire::event_id_of(record);
  const uint64_t offset = be64_of(row.key.substr(row.key.size() - sizeof(uint64_t)));
  const bool booked = offset >= view.purged();  // what was let go is not told apart any more
  if (erased_.take_out(record) == wire::ErasedNames::Left::nothing) {
    if (const auto* command = std::get_if<OrderCommand>(&record); command && !command->client_id.empty())
      batch_->remove(Table::client_id, client_id_key(command->client_id, id));
    if (booked) move_to_erased(books_of(offset), Outcome::stored, id);
    remove(row);
    return {};
  }
  EventId difference = id;
  difference -= wire::event_id_of(record);
  if (booked) {
    books_of(offset)[at(Outcome::stored)].ids -= difference;
    books_of(offset)[at(Outcome::erased)].ids += difference;
  }
  bytes_.clear();
  wire::encode_record(record, bytes_);
  replace(row, bytes_);
  return {};
}

Result<void> Sweep::look_at_quarantined(const Row& row) {
  TRY_LET(QuarantineValue value, decode_quarantine(row.value));
  const wire::Record record = std::move(value.what);
  if (!erased_.names_one(record)) return {};
  move_to_erased(books_of(be64_of(row.key)), Outcome::quarantined, value.id);
  remove(row);
  return {};
}

Result<bool> Sweep::is_of_erased(const Row& row) const {
  using enum Erasure::Kind;
  switch (row.table) {
    case Table::assigned:
      return erased_.has(deliverer, id_in(row.key)) || erased_.has(order, row.key.substr(id_in(row.key).size() + 1));
    case Table::order_hours: {
      const size_t hour_at = id_in(row.key).size() + 1;
      return erased_.has(order, id_in(row.key)) || erased_.has_scope(row.key.substr(hour_at + sizeof(int32_t)));
    }
    case Table::loose_hours: return erased_.has(deliverer, id_in(row.key));
    case Table::updated: {
      constexpr size_t minute_bytes = 4;
      const auto kind = row.key[minute_bytes] == updated_order ? order : deliverer;
      return erased_.has(kind, row.key.substr(minute_bytes + 1));
    }
    case Table::client_id: {
      TRY_LET(const Found found, decode_found(row.value));
      return erased_.has_scope(found.scope);
    }
    case Table::outbox: {
      TRY_LET(const Event event, wire::decode_event(as_bytes(row.value)));
      return erased_.names_one(event);
    }
    default: return false;
  }
}

}  // namespace waybill::store
