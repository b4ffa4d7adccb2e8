#include "store/intake.h"

#include <algorithm>
#include <utility>

#include "store/reading.h"
#include "wire/bytes.h"

namespace waybill::store {

Intake::Intake(Tables& tables, const Meta& meta, const Ledger& ledger, std::span<const HookRow> hooks,
               wire::ErasedNames* erased)
    : tables_(tables),
      erased_(erased),
      batch_(tables.batch()),
      ledger_(ledger),
      committed_(ledger),
      watermarks_(Watermarks{.visible = meta.visible,
                             .durable = meta.visible,
                             .purged = meta.purged,
                             .epoch = meta.epoch,
                             .partition = meta.partition}) {
  for (const HookRow& row : hooks) wanted_.say(row.hook);
  committed_wanted_ = wanted_;
}

Watermarks Intake::watermarks() const {
  return watermarks_.with([](const Watermarks& marks) { return marks; });
}

void Intake::flushed(uint64_t durable) {
  watermarks_.with([&](Watermarks& marks) { marks.durable = std::max(marks.durable, durable); });
}

Result<void> Intake::put(Position journal, std::span<const Entry> entries, std::vector<Event>* told) {
  if (entries.empty()) return {};
  const Watermarks marks = watermarks();
  // A journal goes on under a higher epoch where its folder was restored; where it begins, its owner has checked.
  const bool goes_on = journal.epoch > marks.epoch && !entries.empty() && entries[0].offset == marks.visible;
  if (marks.epoch != 0 && ((journal.epoch != marks.epoch && !goes_on) || journal.partition != marks.partition))
    return fail(Code::conflict, "put: the store follows journal " + std::to_string(marks.epoch) + "-" +
                                    std::to_string(marks.partition) + ", this is of " + std::to_string(journal.epoch) +
                                    "-" + std::to_string(journal.partition));
  for (size_t i = 1; i < entries.size(); ++i)
    if (entries[i].offset != entries[0].offset + i)
      return fail(Code::invalid, "put: offset " + std::to_string(entries[i].offset) + " follows " +
                                     std::to_string(entries[i - 1].offset));
  if (entries[0].offset > marks.visible)
    return fail(Code::invalid, "put: a gap: the store is at " + std::to_string(marks.visible) +
                                   ", the batch begins at " + std::to_string(entries[0].offset));
  const uint64_t known = marks.visible - entries[0].offset;
  if (known >= entries.size()) return {};
  entries = entries.subspan(known);

  const uint64_t end = entries.back().offset + 1;
  const size_t told_before = told ? told->size() : 0;
  told_ = told || wanted_.any.empty() ? told : &own_told_;
  Result<void> taken = take_all(entries);
  if (taken) {
    write_orders();
    write_deliverers();
    batch_->put(Table::ledger, number_key(ledger_.from / ledger_span), encode_ledger(ledger_));
    batch_->put(
        Table::meta, meta_key,
        encode_meta({.epoch = journal.epoch, .partition = journal.partition, .visible = end, .purged = marks.purged}));
    taken = tables_.write(*batch_);
  }
  if (!taken) {
    forget();
    if (told) told->resize(told_before);
    return fail_in("put", taken.error());
  }
  orders_.written(row_cache_bytes_max);
  deliverers_.written(row_cache_bytes_max);
  committed_ = ledger_;
  committed_wanted_ = wanted_;
  batch_->clear();
  locations_.clear();
  client_ids_.clear();
  watermarks_.with([&](Watermarks& now) {
    now.visible = end;
    now.epoch = journal.epoch;
    now.partition = journal.partition;
    for (size_t i = 0; i < outcome_count; ++i) now.taken[i] += std::exchange(taken_[i], 0);
  });
  return {};
}

Result<void> Intake::take_all(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    const uint64_t span = entry.offset / ledger_span;
    if (ledger_.to == 0 || ledger_.from / ledger_span != span) {
      if (ledger_.to != 0) batch_->put(Table::ledger, number_key(ledger_.from / ledger_span), encode_ledger(ledger_));
      ledger_ = Ledger{.from = entry.offset, .to = entry.offset, .by_outcome = {}};
    }
    const size_t told_before = told_ ? told_->size() : 0;
    TRY(take(entry));
    if (told_) keep_for_hooks(told_before);
  }
  return {};
}

Result<void> Intake::purge(uint64_t below) {
  const Watermarks marks = watermarks();
  TRY_LET(const std::vector<Ledger> ledgers, read_ledgers(*tables_.view()));
  Ledger all;
  for (const Ledger& ledger : ledgers) {
    if (ledger.to > below) break;
    all.of(Outcome::purged) += ledger.total();
    all.newest = std::max(all.newest, ledger.newest);
    all.to = ledger.to;
    batch_->remove(Table::ledger, number_key(ledger.from / ledger_span));
  }
  Result<void> done;
  if (all.to != below)
    done =
        fail(Code::corrupt, "the books do not end at " + std::to_string(below) + " but at " + std::to_string(all.to));
  if (done) {
    batch_->put(Table::ledger, number_key(0), encode_ledger(all));
    batch_->put(
        Table::meta, meta_key,
        encode_meta({.epoch = marks.epoch, .partition = marks.partition, .visible = marks.visible, .purged = below}));
    done = tables_.write(*batch_);
  }
  if (done && ledger_.to <= below) committed_ = all;
  forget();  // what the cached rows copy may be gone
  if (!done) return fail_in("purge", done.error());
  watermarks_.with([&](Watermarks& now) { now.purged = below; });
  return {};
}

void Intake::forget() {
  batch_->clear();
  orders_.clear();
  deliverers_.clear();
  locations_.clear();
  client_ids_.clear();
  ledger_ = committed_;
  wanted_ = committed_wanted_;
  own_told_.clear();
  taken_ = {};
}

Result<void> Intake::take(const Entry& entry) {
  if (!entry.record) {
    quarantine(entry.offset, wire::event_id_of_bytes(as_bytes(entry.undecoded)),
               {.source = "journal",
                .field = {},
                .reason = "the record cannot be decoded",
                .raw = entry.undecoded,
                .received_at = {}});
    return {};
  }
  if (const auto* remains = std::get_if<wire::Remains>(&*entry.record)) return take_remains(entry.offset, *remains);
  if (erased_ && erased_->any() && erased_->names_one(*entry.record)) return take_without_names(entry);
  note_received(wire::received_at_of(*entry.record));
  if (const auto* erasure = std::get_if<Erasure>(&*entry.record)) {
    take_erasure(entry.offset, *erasure);
    return {};
  }
  if (const auto* location = std::get_if<Location>(&*entry.record)) {
    if (const std::string_view reason = misfit(*location); !reason.empty()) {
      quarantine_record(entry, reason, location->received_at);
      return {};
    }
    return take_location(entry.offset, *location, entry.encoded);
  }
  if (const auto* command = std::get_if<OrderCommand>(&*entry.record)) {
    if (const std::string_view reason = misfit(*command); !reason.empty()) {
      quarantine_record(entry, reason, command->received_at);
      return {};
    }
    return take_command(entry.offset, *command);
  }
  if (const auto* grant = std::get_if<Grant>(&*entry.record)) {
    if (const std::string_view reason = misfit(*grant); !reason.empty())
      quarantine_record(entry, reason, grant->at);
    else
      take_grant(entry.offset, *grant);
    return {};
  }
  if (const auto* hook = std::get_if<Hook>(&*entry.record)) {
    if (const std::string_view reason = misfit(*hook); !reason.empty())
      quarantine_record(entry, reason, hook->at);
    else
      take_hook(entry.offset, *hook);
    return {};
  }
  quarantine(entry.offset, wire::event_id_of(*entry.record), std::get<wire::Quarantined>(*entry.record));
  return {};
}

void Intake::note_received(Time received_at) {
  if (is_of_the_calendar(received_at)) ledger_.newest = std::max(ledger_.newest, std::optional(received_at));
}

void Intake::count(uint64_t offset, Outcome outcome, const EventId& id) {
  ledger_.of(outcome).add(id);
  ledger_.to = offset + 1;
  ++taken_[static_cast<size_t>(outcome)];
}

void Intake::quarantine(uint64_t offset, const EventId& id, const wire::Quarantined& what) {
  batch_->put(Table::quarantine, number_key(offset), encode_quarantine(id, what));
  count(offset, Outcome::quarantined, id);
}

// As the record stood in the journal, so that it can be put back.
void Intake::quarantine_record(const Entry& entry, std::string_view reason, Time received_at) {
  wire::Quarantined what{
      .source = "journal", .field = {}, .reason = std::string(reason), .raw = {}, .received_at = received_at};
  wire::encode_record(*entry.record, what.raw);
  quarantine(entry.offset, wire::event_id_of(*entry.record), what);
}

Result<Intake::Orders::Slot*> Intake::order(std::string_view id) {
  if (Orders::Slot* slot = orders_.find(id)) return slot;
  TRY_LET(const bool stored, tables_.get(Table::order, id, bytes_));
  CachedOrder cached;
  if (stored) {
    TRY_LET(cached.row, decode_order(id, bytes_));
    if (watermarks().purged != 0) TRY(renew(*tables_.view(), cached.row));
    if (const DelivererId* holder = holder_of(cached.row.order)) cached.holder = *holder;
  }
  return &orders_.insert(id, std::move(cached), stored, stored ? bytes_.size() : 0);
}

Result<Intake::Deliverers::Slot*> Intake::deliverer(const DelivererId& id) {
  if (Deliverers::Slot* slot = deliverers_.find(id.text)) return slot;
  TRY_LET(const bool stored, tables_.get(Table::deliverer, id.text, bytes_));
  CachedDeliverer cached;
  cached.row.id = id;
  if (stored) {
    TRY_LET(cached.row, decode_deliverer(id.text, bytes_));
    if (watermarks().purged != 0) TRY(renew(*tables_.view(), cached.row));
  }
  return &deliverers_.insert(id.text, std::move(cached), stored, stored ? bytes_.size() : 0);
}

Result<bool> Intake::has_client_id(std::string_view client_id, const EventId& id) {
  if (client_ids_.contains(id)) return true;
  return tables_.get(Table::client_id, client_id_key(client_id, id), bytes_);
}

Result<bool> Intake::find_place(std::string_view scope, Place& place, const EventId& id) {
  for (;; place.bump()) {
    const std::string key = location_key(scope, place);
    if (const EventId* other = locations_.find(key)) {
      if (*other == id) return false;
      continue;
    }
    TRY_LET(const bool taken, tables_.get(Table::location, key, bytes_));
    if (!taken) return true;
    TRY_LET(const Kept other, decode_kept(bytes_));
    if (event_id_of(other.location) == id) return false;
  }
}

Result<void> Intake::take_location(uint64_t offset, const Location& location, std::string_view encoded) {
  const EventId id = event_id_of(location);
  if (!location.client_id.empty()) {
    TRY_LET(const bool known, has_client_id(location.client_id, id));
    if (known) return count(offset, Outcome::repeat, id), Result<void>();
  }
  Orders::Slot* of_order = nullptr;
  Deliverers::Slot* of_deliverer = nullptr;
  if (location.order) {
    TRY_LET(of_order, order(location.order->text));
  }
  if (location.deliverer) {
    TRY_LET(of_deliverer, deliverer(*location.deliverer));
  }
  const std::string scope = scope_of(location);
  Place place = place_of(location, id);

  // Nothing is stored behind the newest fix of the scope, so nothing need be read there.
  std::optional<Time>& newest = of_deliverer ? of_deliverer->row.row.scope_newest : of_order->row.row.scope_newest;
  if (newest && location.fix_time <= *newest) {
    TRY_LET(const bool is_new, find_place(scope, place, id));
    if (!is_new) return count(offset, Outcome::repeat, id), Result<void>();
  } else {
    newest = location.fix_time;
  }

  row_.clear();
  wire::put_varint(row_, offset);
  if (encoded.empty())
    wire::encode_record(location, row_);
  else
    row_.append(encoded);
  make_location_key(key_, scope, place);
  locations_.add(key_, id);
  batch_->put(Table::location, key_, row_);
  if (!location.client_id.empty()) {
    client_ids_.insert(id);
    batch_->put(Table::client_id, client_id_key(location.client_id, id),
                encode_found({.scope = scope, .offset = offset}));
  }
  index_hours(offset, location, scope, of_order, of_deliverer);
  std::optional<Before> was;
  if (told_) {
    TRY_LET(was, before(location, place, of_order, of_deliverer));
  }
  remember(location, place, of_order, of_deliverer);
  if (!of_order && of_deliverer->row.row.orders_silent) TRY(hear_of_orders(offset, location, *of_deliverer));
  if (was) TRY(tell(offset, location, *was, of_order));
  count(offset, Outcome::stored, id);
  return {};
}

bool Intake::RecentHours::add(std::string_view key, uint64_t until) {
  for (const Hour& known : hours)
    if (known.until == until && known.key == key) return false;
  Hour& slot = hours[next++ % hours.size()];
  slot.key.assign(key);
  slot.until = until;
  return true;
}

void Intake::index_hours(uint64_t offset, const Location& location, std::string_view scope, Orders::Slot* of_order,
                         Deliverers::Slot* of_deliverer) {
  const int32_t number = hour_of(location.fix_time);
  const uint64_t until = hour_until(offset);
  if (of_order) {
    make_order_hour_key(key_, location.order->text, number, scope);
    if (of_order->row.hours.add(key_, until)) batch_->put(Table::order_hours, key_, encode_hour(until));
  } else {
    make_order_hour_key(key_, location.deliverer->text, number, {});
    if (of_deliverer->row.loose_hours.add(key_, until)) batch_->put(Table::loose_hours, key_, encode_hour(until));
  }
}

// `row_` holds the location's row.
void Intake::remember(const Location& location, const Place& place, Orders::Slot* of_order,
                      Deliverers::Slot* of_deliverer) {
  const bool ahead = is_ahead(location);
  if (of_deliverer) {
    DelivererRow& row = of_deliverer->row.row;
    row.updated_at = std::max(row.updated_at, location.received_at);
    if (!ahead) {
      row.newest.take(place, row_);
      if (!of_order) row.loose.take(place, row_);
    }
    deliverers_.change(*of_deliverer);
  }
  if (of_order) {
    OrderRow& row = of_order->row.row;
    const bool may_open_again = row.order.closed_at && holder_of(row.order) == nullptr;
    apply(row.order, location);
    if (may_open_again) hand_over(of_order->id, nullptr, holder_of(row.order));
    if (!ahead) {
      row.named.take(place, row_);
      if (location.deliverer && !row.order.assigned && (!row.deliverer_at || place > *row.deliverer_at)) {
        row.order.deliverer = location.deliverer;
        row.deliverer_at = place;
      }
    }
    orders_.change(*of_order);
  }
}

Result<void> Intake::take_command(uint64_t offset, const OrderCommand& command) {
  const EventId id = wire::event_id_of(wire::Record(command));
  if (!command.client_id.empty()) {
    TRY_LET(const bool known, has_client_id(command.client_id, id));
    if (known) return count(offset, Outcome::repeat, id), Result<void>();
  }
  TRY_LET(Orders::Slot* const of_order, order(command.order.text));
  Result<Order> applied = apply(of_order->row.row.order, command);
  if (!applied) {
    if (applied.error().code != Code::invalid) return std::unexpected(std::move(applied.error()));
    quarantine_record({.offset = offset, .record = command, .undecoded = {}}, applied.error().message,
                      command.received_at);
    return {};
  }
  Order& order_now = of_order->row.row.order;
  const Order order_before = std::exchange(order_now, std::move(*applied));
  const bool silent = command.kind == OrderCommand::Kind::silent;
  if (silent) {
    TRY_LET(const bool heard, has_been_heard(command, order_now));
    if (heard) order_now = order_before;
  }
  hand_over(command.order.text, holder_of(order_before), holder_of(order_now));
  if (!order_now.id.text.empty()) orders_.change(*of_order);
  if (told_) TRY(tell(offset, command, order_before, of_order->row.row));
  row_.clear();
  wire::encode_record(wire::Record(command), row_);
  batch_->put(Table::command, command_key(command.order.text, offset), row_);
  if (!command.client_id.empty()) {
    client_ids_.insert(id);
    batch_->put(Table::client_id, client_id_key(command.client_id, id),
                encode_found({.scope = "o" + command.order.text, .offset = offset}));
  }
  // Who is assigned is known from then on, whether it has sent a location or not.
  if (const DelivererId* holder = holder_of(order_now)) {
    TRY_LET(Deliverers::Slot* const of_deliverer, deliverer(*holder));
    DelivererRow& row = of_deliverer->row.row;
    if (silent)
      row.orders_silent = row.orders_silent || order_now.silent_since.has_value();
    else
      row.updated_at = std::max(row.updated_at, command.received_at);
    deliverers_.change(*of_deliverer);
  }
  count(offset, Outcome::stored, id);
  return {};
}

void Intake::take_grant(uint64_t offset, const Grant& grant) {
  const wire::Record record = grant;
  row_.clear();
  wire::encode_record(record, row_);
  batch_->put(Table::grant, grant_key(grant.kind, grant.id, offset), row_);
  count(offset, Outcome::stored, wire::event_id_of(record));
}

void Intake::move_updated(char kind, std::string_view id, Time updated_at, std::optional<uint32_t>& minute) {
  const uint32_t now = minute_of(updated_at);
  if (minute == now) return;
  if (minute) batch_->remove(Table::updated, updated_key(*minute, kind, id));
  batch_->put(Table::updated, updated_key(now, kind, id), {});
  minute = now;
}

void Intake::write_orders() {
  for (Orders::Slot* slot : orders_.changed()) {
    CachedOrder& cached = slot->row;
    move_updated(updated_order, slot->id, cached.row.order.updated_at, cached.row.minute);
    const DelivererId* holder = holder_of(cached.row.order);
    if (cached.holder && (holder == nullptr || *holder != *cached.holder)) {
      batch_->remove(Table::assigned, assigned_key(cached.holder->text, slot->id));
      cached.holder.reset();
    }
    if (holder != nullptr && !cached.holder) {
      batch_->put(Table::assigned, assigned_key(holder->text, slot->id), {});
      cached.holder = *holder;
    }
    bytes_.clear();
    encode_order(cached.row, bytes_);
    batch_->put(Table::order, slot->id, bytes_);
    orders_.set_bytes(*slot, bytes_.size());
  }
}

void Intake::write_deliverers() {
  for (Deliverers::Slot* slot : deliverers_.changed()) {
    DelivererRow& row = slot->row.row;
    move_updated(updated_deliverer, slot->id, row.updated_at, row.minute);
    bytes_.clear();
    encode_deliverer(row, bytes_);
    batch_->put(Table::deliverer, slot->id, bytes_);
    deliverers_.set_bytes(*slot, bytes_.size());
  }
}

}  // namespace waybill::store
