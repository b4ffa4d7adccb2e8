#include "store/rows.h"

#include "wire/bytes.h"

namespace waybill::store {
namespace {

using wire::put_fixed64;
using wire::put_number;
using wire::put_signed;
using wire::put_text;
using wire::put_varint;
using wire::Taker;

void put_time(std::string& into, Time time) { put_fixed64(into, static_cast<uint64_t>(to_us(time))); }
Time take_time(Taker& from) { return at_us(static_cast<int64_t>(from.fixed64())); }

std::unexpected<Error> not_a_row(std::string_view what) {
  return fail(Code::corrupt, "store: the bytes of a row are not " + std::string(what));
}

// The flags of a row say which of its fields follow.
class Flags {
 public:
  Flags() = default;
  explicit Flags(uint64_t bits) : bits_(bits) {}
  bool add(bool there) {
    bits_ |= static_cast<uint64_t>(there) << count_++;
    return there;
  }
  bool take() { return (bits_ >> count_++ & 1) != 0; }
  bool rest() const { return count_ < 64 && bits_ >> count_ != 0; }
  uint64_t bits() const { return bits_; }

 private:
  uint64_t bits_ = 0;
  unsigned count_ = 0;
};

void put_newest(std::string& into, const NewestRow& newest) {
  into.append(newest.place.text());
  put_text(into, newest.row);
}

Place take_place(Taker& from) {
  Place place;
  for (char& byte : place.bytes) byte = static_cast<char>(from.byte());
  return place;
}

NewestRow take_newest(Taker& from) {
  NewestRow newest;
  newest.place = take_place(from);
  newest.row = from.text();
  if (newest.row.empty()) from.refuse();
  return newest;
}

void put_assignments(std::string& into, const std::vector<Assignment>& assignments) {
  put_varint(into, assignments.size());
  for (const Assignment& assignment : assignments) {
    Flags flags;
    flags.add(assignment.deliverer.integer);
    flags.add(assignment.to.has_value());
    put_text(into, assignment.deliverer.text);
    into.push_back(static_cast<char>(flags.bits()));
    put_time(into, assignment.from);
    if (assignment.to) put_time(into, *assignment.to);
  }
}

std::vector<Assignment> take_assignments(Taker& from) {
  std::vector<Assignment> assignments;
  for (uint64_t left = from.varint(); left > 0 && from.ok(); --left) {
    Assignment assignment;
    assignment.deliverer.text = from.text();
    Flags flags(from.byte());
    assignment.deliverer.integer = flags.take();
    const bool ended = flags.take();
    if (flags.rest()) from.refuse();
    assignment.from = take_time(from);
    if (ended) assignment.to = take_time(from);
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

Flags flags_of(const OrderRow& row) {
  const Order& order = row.order;
  Flags flags;
  flags.add(order.id.integer);
  flags.add(order.deliverer.has_value());
  flags.add(order.deliverer && order.deliverer->integer);
  flags.add(order.assigned);
  flags.add(order.destination.has_value());
  flags.add(order.promised_at.has_value());
  flags.add(order.sequence.has_value());
  flags.add(!order.assignments.empty());
  flags.add(!order.attributes.empty());
  flags.add((static_cast<unsigned>(order.delivery_state) & 1) != 0);
  flags.add((static_cast<unsigned>(order.delivery_state) & 2) != 0);
  flags.add(order.start_time.has_value());
  flags.add(order.closed_at.has_value());
  flags.add(order.cancelled_at.has_value());
  flags.add(!row.named.empty());
  flags.add(row.deliverer_at.has_value());
  flags.add(row.scope_newest.has_value());
  flags.add(row.minute.has_value());
  flags.add(order.silent_since.has_value());
  return flags;
}

void put_sum(std::string& into, const Sum& sum) {
  put_varint(into, sum.count);
  append_id(into, sum.ids);
}

EventId take_id(Taker& from) {
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<char>(from.byte()));
  return id_of(bytes);
}

template <class IdType>
bool fits(const IdType& id) {
  if (id.text.empty() || id.text.size() > id_bytes_max) return false;
  for (const char c : id.text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  return true;
}

}  // namespace

std::string encode_meta(const Meta& meta) {
  std::string bytes;
  put_varint(bytes, meta.format);
  put_varint(bytes, meta.epoch);
  put_varint(bytes, meta.partition);
  put_varint(bytes, meta.visible);
  if (meta.format >= 2) put_varint(bytes, meta.purged);
  return bytes;
}

Result<Meta> decode_meta(std::string_view bytes) {
  Taker from(as_bytes(bytes));
  Meta meta;
  meta.format = from.varint();
  // Of a newer format nothing but its number is known.
  if (from.ok() && meta.format > store_format)
    return fail(Code::invalid, "the store has format " + std::to_string(meta.format) +
                                   ", this version reads up to format " + std::to_string(store_format) +
                                   ": use the newer version that wrote it");
  meta.epoch = static_cast<uint32_t>(from.varint());
  meta.partition = static_cast<uint32_t>(from.varint());
  meta.visible = from.varint();
  if (meta.format >= 2) meta.purged = from.varint();
  if (!from.done() || meta.format == 0 || meta.purged > meta.visible) return not_a_row("its description");
  meta.format = store_format;  // as it is written next
  return meta;
}

void NewestRow::take(const Place& other, std::string_view other_row) {
  if (!empty() && other <= place) return;
  place = other;
  row.assign(other_row);
}

Result<Kept> decode_kept(std::string_view row) {
  Taker from(as_bytes(row));
  Kept kept;
  kept.offset = from.varint();
  size_t varint_bytes = 1;
  while (varint_bytes < row.size() && (row[varint_bytes - 1] & 0x80) != 0) ++varint_bytes;
  if (!from.ok()) return not_a_row("a location");
  TRY_LET(wire::Record record, wire::decode_record(as_bytes(row.substr(varint_bytes))));
  auto* location = std::get_if<Location>(&record);
  if (location == nullptr) return not_a_row("a location");
  kept.location = std::move(*location);
  return kept;
}

uint64_t offset_of(std::string_view row) {
  Taker from(as_bytes(row));
  const uint64_t offset = from.varint();
  return from.ok() ? offset : UINT64_MAX;
}

bool names_order(std::string_view row) {
  Taker from(as_bytes(row));
  from.varint();  // offset
  from.byte();    // type
  return (from.varint() & 1) != 0;
}

void encode_order(const OrderRow& row, std::string& into) {
  const Order& order = row.order;
  put_varint(into, flags_of(row).bits());
  put_time(into, order.created_at);
  put_time(into, order.updated_at);
  if (order.deliverer) put_text(into, order.deliverer->text);
  if (order.destination) {
    put_number(into, order.destination->latitude);
    put_number(into, order.destination->longitude);
    put_text(into, order.destination->address);
  }
  if (order.promised_at) put_time(into, *order.promised_at);
  if (order.sequence) put_signed(into, *order.sequence);
  if (!order.assignments.empty()) put_assignments(into, order.assignments);
  if (!order.attributes.empty()) put_text(into, order.attributes);
  if (order.delivery_state != DeliveryState::none) put_time(into, order.state_time);
  if (order.start_time) put_time(into, *order.start_time);
  if (order.closed_at) put_time(into, *order.closed_at);
  if (order.cancelled_at) put_time(into, *order.cancelled_at);
  if (!row.named.empty()) put_newest(into, row.named);
  if (row.deliverer_at) into.append(row.deliverer_at->text());
  if (row.scope_newest) put_time(into, *row.scope_newest);
  if (row.minute) put_varint(into, *row.minute);
  if (order.silent_since) {
    put_time(into, *order.silent_since);
    put_text(into, order.silence_reason);
  }
}

Result<OrderRow> decode_order(std::string_view id, std::string_view bytes) {
  Taker from(as_bytes(bytes));
  Flags flags(from.varint());
  OrderRow row;
  Order& order = row.order;
  order.id = OrderId(std::string(id), flags.take());
  order.created_at = take_time(from);
  order.updated_at = take_time(from);
  const bool named = flags.take(), integer = flags.take();
  if (named) order.deliverer = DelivererId(std::string(from.text()), integer);
  order.assigned = flags.take();
  if (flags.take()) {
    order.destination.emplace();
    order.destination->latitude = from.number();
    order.destination->longitude = from.number();
    order.destination->address = from.text();
  }
  if (flags.take()) order.promised_at = take_time(from);
  if (flags.take()) order.sequence = from.signed_varint();
  if (flags.take()) order.assignments = take_assignments(from);
  if (flags.take()) order.attributes = from.text();
  const unsigned state_low = flags.take() ? 1 : 0, state_high = flags.take() ? 2 : 0;
  order.delivery_state = static_cast<DeliveryState>(state_low + state_high);
  if (order.delivery_state != DeliveryState::none) order.state_time = take_time(from);
  if (flags.take()) order.start_time = take_time(from);
  if (flags.take()) order.closed_at = take_time(from);
  if (flags.take()) order.cancelled_at = take_time(from);
  if (flags.take()) row.named = take_newest(from);
  if (flags.take()) row.deliverer_at = take_place(from);
  if (flags.take()) row.scope_newest = take_time(from);
  if (flags.take()) row.minute = static_cast<uint32_t>(from.varint());
  if (flags.take()) {
    order.silent_since = take_time(from);
    order.silence_reason = from.text();
  }
  if (!from.done() || flags.rest()) return not_a_row("an order");
  return row;
}

void encode_deliverer(const DelivererRow& row, std::string& into) {
  Flags flags;
  flags.add(row.id.integer);
  flags.add(!row.newest.empty());
  flags.add(!row.loose.empty());
  // Most often both are the same location: once is enough.
  const bool same = flags.add(!row.loose.empty() && row.newest.place == row.loose.place);
  flags.add(row.scope_newest.has_value());
  flags.add(row.minute.has_value());
  flags.add(row.orders_silent);
  put_varint(into, flags.bits());
  put_time(into, row.updated_at);
  if (!row.newest.empty()) put_newest(into, row.newest);
  if (!row.loose.empty() && !same) put_newest(into, row.loose);
  if (row.scope_newest) put_time(into, *row.scope_newest);
  if (row.minute) put_varint(into, *row.minute);
}

Result<DelivererRow> decode_deliverer(std::string_view id, std::string_view bytes) {
  Taker from(as_bytes(bytes));
  Flags flags(from.varint());
  DelivererRow row;
  row.id = DelivererId(std::string(id), flags.take());
  row.updated_at = take_time(from);
  const bool newest = flags.take(), loose = flags.take(), same = flags.take();
  if (newest) row.newest = take_newest(from);
  if (loose) row.loose = same ? row.newest : take_newest(from);
  if (flags.take()) row.scope_newest = take_time(from);
  if (flags.take()) row.minute = static_cast<uint32_t>(from.varint());
  row.orders_silent = flags.take();
  if (!from.done() || flags.rest()) return not_a_row("a deliverer");
  return row;
}

const DelivererId* holder_of(const Order& order) {
  if (!order.assigned || order.assignments.empty() || order.assignments.back().to) return nullptr;
  const OrderState state = order.state();
  if (state == OrderState::closed || state == OrderState::cancelled) return nullptr;
  return &order.assignments.back().deliverer;
}

std::string encode_quarantine(const EventId& id, const wire::Quarantined& what) {
  std::string bytes;
  append_id(bytes, id);
  wire::encode_record(wire::Record(what), bytes);
  return bytes;
}

Result<QuarantineValue> decode_quarantine(std::string_view bytes) {
  if (bytes.size() < 16) return not_a_row("quarantined");
  TRY_LET(wire::Record record, wire::decode_record(as_bytes(bytes.substr(16))));
  auto* what = std::get_if<wire::Quarantined>(&record);
  if (what == nullptr) return not_a_row("quarantined");
  return QuarantineValue{.id = id_of(bytes), .what = std::move(*what)};
}

std::string encode_found(const Found& found) {
  std::string bytes;
  put_varint(bytes, found.offset);
  put_text(bytes, found.scope);
  return bytes;
}

Result<Found> decode_found(std::string_view bytes) {
  Taker from(as_bytes(bytes));
  Found found;
  found.offset = from.varint();
  found.scope = from.text();
  if (!from.done() || found.scope.empty()) return not_a_row("the place of a client id");
  return found;
}

uint64_t hour_until(uint64_t offset) { return (offset / hour_block + 1) * hour_block; }

std::string encode_hour(uint64_t until) {
  std::string bytes;
  put_varint(bytes, until);
  return bytes;
}

std::string encode_ledger(const Ledger& ledger) {
  std::string bytes;
  put_varint(bytes, ledger.from);
  put_varint(bytes, ledger.to);
  for (const Outcome outcome : {Outcome::stored, Outcome::repeat, Outcome::quarantined, Outcome::purged})
    put_sum(bytes, ledger.of(outcome));
  if (ledger.of(Outcome::erased) != Sum{}) put_sum(bytes, ledger.of(Outcome::erased));
  if (ledger.newest) put_time(bytes, *ledger.newest);
  return bytes;
}

Result<Ledger> decode_ledger(std::string_view bytes) {
  Taker from(as_bytes(bytes));
  Ledger ledger;
  ledger.from = from.varint();
  ledger.to = from.varint();
  const auto take_sum = [&](Outcome outcome) {
    ledger.of(outcome).count = from.varint();
    ledger.of(outcome).ids = take_id(from);
  };
  for (const Outcome outcome : {Outcome::stored, Outcome::repeat, Outcome::quarantined}) take_sum(outcome);
  if (!from.done()) take_sum(Outcome::purged);  // format 1 ends before
  if (from.left() > sizeof(uint64_t)) take_sum(Outcome::erased);
  if (!from.done()) ledger.newest = take_time(from);
  if (!from.done() || ledger.to <= ledger.from) return not_a_row("a ledger");
  return ledger;
}

bool is_of_the_calendar(Time time) {
  constexpr int64_t year_1 = -62'135'596'800, year_10000 = 253'402'300'800;  // seconds since 1970
  return to_us(time) >= year_1 * 1'000'000 && to_us(time) < year_10000 * 1'000'000;
}

std::string_view misfit(const Location& location) {
  if (!location.order && !location.deliverer) return "a location names an order, a deliverer or both";
  if (location.order && !fits(*location.order)) return "the order's id does not fit";
  if (location.deliverer && !fits(*location.deliverer)) return "the deliverer's id does not fit";
  if (!is_of_the_calendar(location.fix_time)) return "the fix time is outside the years 1 to 9999";
  if (!is_of_the_calendar(location.received_at)) return "the time of receipt is outside the years 1 to 9999";
  return {};
}

std::string_view misfit(const OrderCommand& command) {
  if (!fits(command.order)) return "the order's id does not fit";
  if (command.deliverer && !fits(*command.deliverer)) return "the deliverer's id does not fit";
  if (command.assignments)
    for (const Assignment& assignment : *command.assignments)
      if (!fits(assignment.deliverer)) return "a deliverer's id does not fit";
  return {};
}

std::string_view misfit(const Grant& grant) {
  return fits(OrderId(grant.id)) ? std::string_view() : "the credential's id does not fit";
}

std::string_view misfit(const Hook& hook) {
  if (!is_hook_id(hook.id)) return "the webhook's id does not fit";
  return hook.url.size() <= hook_url_bytes_max ? std::string_view() : "the webhook's URL is too long";
}

}  // namespace waybill::store
