#include "wire/record.h"

#include <cmath>

#include "wire/bytes.h"

namespace waybill::wire {
namespace {

enum class Type : uint8_t {
  location = 1,
  order_command = 2,
  quarantined = 3,
  grant = 4,
  hook = 5,
  erasure = 6,
  remains = 7
};

namespace location_flag {
constexpr uint64_t order = 1 << 0, order_integer = 1 << 1, deliverer = 1 << 2, deliverer_integer = 1 << 3;
constexpr unsigned state_shift = 4, digits_shift = 6;
constexpr uint64_t naive = 1 << 9, accuracy = 1 << 10, altitude = 1 << 11, speed = 1 << 12, heading = 1 << 13;
constexpr uint64_t sent_at = 1 << 14, client_id = 1 << 15, attributes = 1 << 16;
constexpr uint64_t all = (1 << 17) - 1;
}  // namespace location_flag

namespace command_flag {
constexpr uint64_t order_integer = 1 << 0, deliverer = 1 << 1, deliverer_integer = 1 << 2, destination = 1 << 3;
constexpr uint64_t promised_at = 1 << 4, sequence = 1 << 5, at = 1 << 6, assignments = 1 << 7;
constexpr uint64_t client_id = 1 << 8, attributes = 1 << 9, reason = 1 << 10;
constexpr uint64_t all = (1 << 11) - 1;
}  // namespace command_flag

namespace grant_flag {
constexpr uint64_t revoked = 1 << 0, expires_at = 1 << 4, note = 1 << 5, secret = 1 << 6;
constexpr unsigned role_shift = 1;
constexpr uint64_t role_mask = 7;
constexpr uint64_t all = (1 << 7) - 1;
}  // namespace grant_flag

namespace hook_flag {
constexpr uint64_t removed = 1 << 0, note = 1 << 1;
constexpr unsigned events_shift = 2;
constexpr uint64_t all = EventKinds::all_bits << events_shift | removed | note;
}  // namespace hook_flag

namespace remains_flag {
constexpr uint64_t carry = 1 << 0, rest = 1 << 1, all = 3;
}

namespace assignment_flag {
constexpr uint8_t integer = 1, has_end = 2, all = 3;
}

constexpr uint8_t digits_max = 6;

uint64_t flag_if(bool condition, uint64_t flag) { return condition ? flag : 0; }

// Differences wrap, so that every pair of times comes back.
int64_t difference(Time time, Time base) {
  return static_cast<int64_t>(static_cast<uint64_t>(to_us(time)) - static_cast<uint64_t>(to_us(base)));
}
Time sum(Time base, int64_t difference) {
  return at_us(static_cast<int64_t>(static_cast<uint64_t>(to_us(base)) + static_cast<uint64_t>(difference)));
}

void put_time(std::string& into, Time time) { put_fixed64(into, static_cast<uint64_t>(to_us(time))); }
Time take_time(Taker& from) { return at_us(static_cast<int64_t>(from.fixed64())); }

double take_finite(Taker& from) {
  const double value = from.number();
  if (!std::isfinite(value)) from.refuse();
  return value;
}

// Keys are made of ids, so a broken one must not get past here.
template <class IdType>
void take_id(Taker& from, bool integer, IdType& into) {
  const std::string_view text = from.text();
  bool fits = !text.empty() && text.size() <= id_bytes_max;
  for (const char c : text) fits = fits && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  if (!fits) from.refuse();
  into.text = text;
  into.integer = integer;
}
template <class IdType>
IdType take_id(Taker& from, bool integer) {
  IdType id;
  take_id(from, integer, id);
  return id;
}

uint64_t flags_of(const Location& location) {
  using namespace location_flag;
  return flag_if(location.order.has_value(), order) |
         flag_if(location.order && location.order->integer, order_integer) |
         flag_if(location.deliverer.has_value(), deliverer) |
         flag_if(location.deliverer && location.deliverer->integer, deliverer_integer) |
         static_cast<uint64_t>(location.state) << state_shift |
         static_cast<uint64_t>(location.fix_form.digits & 7) << digits_shift | flag_if(location.fix_form.naive, naive) |
         flag_if(location.accuracy_m.has_value(), accuracy) | flag_if(location.altitude_m.has_value(), altitude) |
         flag_if(location.speed_mps.has_value(), speed) | flag_if(location.heading_deg.has_value(), heading) |
         flag_if(location.sent_at.has_value(), sent_at) | flag_if(!location.client_id.empty(), client_id) |
         flag_if(!location.attributes.empty(), attributes);
}

void take_location(Taker& from, Location& location) {
  using namespace location_flag;
  const uint64_t flags = from.varint();
  if ((flags & ~all) != 0) from.refuse();
  if ((flags & (order | deliverer)) == 0) from.refuse();
  if (flags & order) take_id(from, (flags & order_integer) != 0, location.order.emplace());
  if (flags & deliverer) take_id(from, (flags & deliverer_integer) != 0, location.deliverer.emplace());
  location.state = static_cast<DeliveryState>(flags >> state_shift & 3);
  location.fix_form = {.digits = static_cast<uint8_t>(flags >> digits_shift & 7), .naive = (flags & naive) != 0};
  if (location.fix_form.digits > digits_max) from.refuse();
  location.fix_time = take_time(from);
  location.received_at = sum(location.fix_time, from.signed_varint());
  location.latitude = take_finite(from);
  location.longitude = take_finite(from);
  if (flags & accuracy) location.accuracy_m = take_finite(from);
  if (flags & altitude) location.altitude_m = take_finite(from);
  if (flags & speed) location.speed_mps = take_finite(from);
  if (flags & heading) location.heading_deg = take_finite(from);
  if (flags & sent_at) location.sent_at = sum(location.fix_time, from.signed_varint());
  if (flags & client_id) location.client_id = from.text();
  if (flags & attributes) location.attributes = from.text();
}

uint64_t flags_of(const OrderCommand& command) {
  using namespace command_flag;
  return flag_if(command.order.integer, order_integer) | flag_if(command.deliverer.has_value(), deliverer) |
         flag_if(command.deliverer && command.deliverer->integer, deliverer_integer) |
         flag_if(command.destination.has_value(), destination) | flag_if(command.promised_at.has_value(), promised_at) |
         flag_if(command.sequence.has_value(), sequence) | flag_if(command.at.has_value(), at) |
         flag_if(command.assignments.has_value(), assignments) | flag_if(!command.client_id.empty(), client_id) |
         flag_if(!command.attributes.empty(), attributes) | flag_if(!command.reason.empty(), reason);
}

void put_assignment(std::string& into, const Assignment& assignment) {
  put_text(into, assignment.deliverer.text);
  into.push_back(static_cast<char>(flag_if(assignment.deliverer.integer, assignment_flag::integer) |
                                   flag_if(assignment.to.has_value(), assignment_flag::has_end)));
  put_time(into, assignment.from);
  if (assignment.to) put_time(into, *assignment.to);
}

Assignment take_assignment(Taker& from) {
  Assignment assignment;
  assignment.deliverer = take_id<DelivererId>(from, false);
  const uint8_t flags = from.byte();
  if ((flags & ~assignment_flag::all) != 0) from.refuse();
  assignment.deliverer.integer = (flags & assignment_flag::integer) != 0;
  assignment.from = take_time(from);
  if (flags & assignment_flag::has_end) assignment.to = take_time(from);
  return assignment;
}

void encode(const OrderCommand& command, std::string& into) {
  into.push_back(static_cast<char>(Type::order_command));
  into.push_back(static_cast<char>(command.kind));
  put_varint(into, flags_of(command));
  put_text(into, command.order.text);
  put_time(into, command.received_at);
  if (command.deliverer) put_text(into, command.deliverer->text);
  if (command.destination) {
    put_number(into, command.destination->latitude);
    put_number(into, command.destination->longitude);
    put_text(into, command.destination->address);
  }
  if (command.promised_at) put_time(into, *command.promised_at);
  if (command.sequence) put_signed(into, *command.sequence);
  if (command.at) put_time(into, *command.at);
  if (command.assignments) {
    put_varint(into, command.assignments->size());
    for (const Assignment& assignment : *command.assignments) put_assignment(into, assignment);
  }
  if (!command.client_id.empty()) put_text(into, command.client_id);
  if (!command.attributes.empty()) put_text(into, command.attributes);
  if (!command.reason.empty()) put_text(into, command.reason);
}

OrderCommand take_command(Taker& from) {
  using namespace command_flag;
  OrderCommand command;
  const uint8_t kind = from.byte();
  if (kind > static_cast<uint8_t>(OrderCommand::Kind::silent)) from.refuse();
  command.kind = from.ok() ? static_cast<OrderCommand::Kind>(kind) : OrderCommand::Kind::put;
  const uint64_t flags = from.varint();
  if ((flags & ~all) != 0) from.refuse();
  command.order = take_id<OrderId>(from, (flags & order_integer) != 0);
  command.received_at = take_time(from);
  if (flags & deliverer) command.deliverer = take_id<DelivererId>(from, (flags & deliverer_integer) != 0);
  if (flags & destination) {
    command.destination.emplace();
    command.destination->latitude = take_finite(from);
    command.destination->longitude = take_finite(from);
    command.destination->address = from.text();
  }
  if (flags & promised_at) command.promised_at = take_time(from);
  if (flags & sequence) command.sequence = from.signed_varint();
  if (flags & at) command.at = take_time(from);
  if (flags & assignments) {
    command.assignments.emplace();
    // Grown as they are read: a count that is not true must not allocate.
    for (uint64_t left = from.varint(); left > 0 && from.ok(); --left)
      command.assignments->push_back(take_assignment(from));
  }
  if (flags & client_id) command.client_id = from.text();
  if (flags & attributes) command.attributes = from.text();
  if (flags & reason) command.reason = from.text();
  return command;
}

void encode(const Quarantined& quarantined, std::string& into) {
  into.push_back(static_cast<char>(Type::quarantined));
  put_time(into, quarantined.received_at);
  put_text(into, quarantined.source);
  put_text(into, quarantined.field);
  put_text(into, quarantined.reason);
  put_text(into, quarantined.raw);
}

Quarantined take_quarantined(Taker& from) {
  Quarantined quarantined;
  quarantined.received_at = take_time(from);
  quarantined.source = from.text();
  quarantined.field = from.text();
  quarantined.reason = from.text();
  quarantined.raw = from.text();
  return quarantined;
}

void encode(const Grant& grant, std::string& into) {
  using namespace grant_flag;
  into.push_back(static_cast<char>(Type::grant));
  into.push_back(static_cast<char>(grant.kind));
  put_varint(into, flag_if(grant.revoked, revoked) | static_cast<uint64_t>(grant.role) << role_shift |
                       flag_if(grant.expires_at.has_value(), expires_at) | flag_if(!grant.note.empty(), note) |
                       flag_if(!grant.secret.empty(), secret));
  put_text(into, grant.id);
  put_text(into, grant.subject);
  put_time(into, grant.at);
  put_text(into, grant.by);
  if (grant.expires_at) put_time(into, *grant.expires_at);
  if (!grant.note.empty()) put_text(into, grant.note);
  if (!grant.secret.empty()) put_text(into, grant.secret);
}

Grant take_grant(Taker& from) {
  using namespace grant_flag;
  Grant grant;
  const uint8_t kind = from.byte();
  if (kind > static_cast<uint8_t>(Grant::Kind::password)) from.refuse();
  grant.kind = static_cast<Grant::Kind>(kind & 3);
  const uint64_t flags = from.varint();
  const uint64_t role = flags >> role_shift & role_mask;
  if ((flags & ~all) != 0 || role > static_cast<uint64_t>(Role::analyst)) from.refuse();
  grant.revoked = (flags & revoked) != 0;
  grant.role = from.ok() ? static_cast<Role>(role) : Role::deliverer;
  grant.id = take_id<OrderId>(from, false).text;
  grant.subject = from.text();
  grant.at = take_time(from);
  grant.by = from.text();
  if (flags & expires_at) grant.expires_at = take_time(from);
  if (flags & note) grant.note = from.text();
  if (flags & secret) grant.secret = from.text();
  return grant;
}

void encode(const Hook& hook, std::string& into) {
  using namespace hook_flag;
  into.push_back(static_cast<char>(Type::hook));
  put_varint(into, flag_if(hook.removed, removed) | flag_if(!hook.note.empty(), note) |
                       uint64_t{hook.events.bits()} << events_shift);
  put_text(into, hook.id);
  put_text(into, hook.url);
  put_time(into, hook.at);
  put_text(into, hook.by);
  if (!hook.note.empty()) put_text(into, hook.note);
}

Hook take_hook(Taker& from) {
  using namespace hook_flag;
  Hook hook;
  const uint64_t flags = from.varint();
  if ((flags & ~all) != 0) from.refuse();
  hook.removed = (flags & removed) != 0;
  hook.events = EventKinds::of_bits(flags >> events_shift);
  hook.id = take_id<OrderId>(from, false).text;
  hook.url = from.text();
  hook.at = take_time(from);
  hook.by = from.text();
  if (flags & note) hook.note = from.text();
  return hook;
}

void put_hash(std::string& into, const Hash128& hash) {
  put_fixed64(into, hash.high);
  put_fixed64(into, hash.low);
}
Hash128 take_hash(Taker& from) {
  Hash128 hash;
  hash.high = from.fixed64();
  hash.low = from.fixed64();
  return hash;
}

void encode(const Erasure& erasure, std::string& into) {
  into.push_back(static_cast<char>(Type::erasure));
  into.push_back(static_cast<char>(erasure.kind));
  put_hash(into, erasure.name);
  put_time(into, erasure.at);
  put_text(into, erasure.by);
}

Erasure take_erasure(Taker& from) {
  Erasure erasure;
  const uint8_t kind = from.byte();
  if (kind > static_cast<uint8_t>(Erasure::Kind::order)) from.refuse();
  erasure.kind = from.ok() ? static_cast<Erasure::Kind>(kind) : Erasure::Kind::deliverer;
  erasure.name = take_hash(from);
  erasure.at = take_time(from);
  erasure.by = from.text();
  return erasure;
}

void encode(const Remains& remains, std::string& into) {
  using namespace remains_flag;
  into.push_back(static_cast<char>(Type::remains));
  put_varint(into, flag_if(remains.carry != EventId{}, carry) | flag_if(!remains.rest.empty(), rest));
  if (remains.carry != EventId{}) put_hash(into, remains.carry);
  if (!remains.rest.empty()) put_text(into, remains.rest);
}

// What is left is a record that can be without a name.
bool can_be_left(std::string_view record) {
  if (record.empty()) return false;
  const auto type = static_cast<Type>(record.front());
  return (type == Type::order_command || type == Type::grant) && decode_record(as_bytes(record));
}

Remains take_remains(Taker& from) {
  using namespace remains_flag;
  Remains remains;
  const uint64_t flags = from.varint();
  if ((flags & ~all) != 0) from.refuse();
  if (flags & carry) {
    remains.carry = take_hash(from);
    if (remains.carry == EventId{}) from.refuse();
  }
  if (flags & rest) {
    remains.rest = from.text();
    if (!can_be_left(remains.rest)) from.refuse();
  }
  return remains;
}

EventId hash_of(std::string_view kind, std::string_view first, std::string_view second = {}) {
  std::string bytes;
  for (const std::string_view text : {kind, first, second}) {
    if (text.data() == nullptr) continue;
    put_fixed64(bytes, text.size());
    bytes.append(text);
  }
  return hash128(as_bytes(bytes));
}

std::string encoded(const Record& record) {
  std::string bytes;
  encode_record(record, bytes);
  return bytes;
}

}  // namespace

void encode_record(const Location& location, std::string& into) {
  constexpr size_t numbers_max = 16;  // lengths and flags among them
  const size_t texts = (location.order ? location.order->text.size() : 0) +
                       (location.deliverer ? location.deliverer->text.size() : 0) + location.client_id.size() +
                       location.attributes.size();
  const size_t begin = into.size();
  // The size that it passes is left alone: libstdc++ 12 passes the capacity.
  into.resize_and_overwrite(begin + texts + numbers_max * number_bytes_max, [&](char* data, size_t) {
    char* at = data + begin;
    *at++ = static_cast<char>(Type::location);
    at = put_varint(at, flags_of(location));
    if (location.order) at = put_text(at, location.order->text);
    if (location.deliverer) at = put_text(at, location.deliverer->text);
    at = put_fixed64(at, static_cast<uint64_t>(to_us(location.fix_time)));
    at = put_signed(at, difference(location.received_at, location.fix_time));
    at = put_number(at, location.latitude);
    at = put_number(at, location.longitude);
    if (location.accuracy_m) at = put_number(at, *location.accuracy_m);
    if (location.altitude_m) at = put_number(at, *location.altitude_m);
    if (location.speed_mps) at = put_number(at, *location.speed_mps);
    if (location.heading_deg) at = put_number(at, *location.heading_deg);
    if (location.sent_at) at = put_signed(at, difference(*location.sent_at, location.fix_time));
    if (!location.client_id.empty()) at = put_text(at, location.client_id);
    if (!location.attributes.empty()) at = put_text(at, location.attributes);
    return static_cast<size_t>(at - data);
  });
}

void encode_record(const Record& record, std::string& into) {
  if (const auto* location = std::get_if<Location>(&record)) return encode_record(*location, into);
  if (const auto* command = std::get_if<OrderCommand>(&record)) return encode(*command, into);
  if (const auto* grant = std::get_if<Grant>(&record)) return encode(*grant, into);
  if (const auto* hook = std::get_if<Hook>(&record)) return encode(*hook, into);
  if (const auto* erasure = std::get_if<Erasure>(&record)) return encode(*erasure, into);
  if (const auto* remains = std::get_if<Remains>(&record)) return encode(*remains, into);
  encode(std::get<Quarantined>(record), into);
}

Result<Record> decode_record(Bytes bytes) {
  Record record;
  TRY(decode_record(bytes, record));
  return record;
}

Result<void> decode_record(Bytes bytes, Record& into) {
  Taker from(bytes);
  const uint8_t type = from.byte();
  switch (static_cast<Type>(type)) {
    case Type::location: take_location(from, into.emplace<Location>()); break;
    case Type::order_command: into = take_command(from); break;
    case Type::quarantined: into = take_quarantined(from); break;
    case Type::grant: into = take_grant(from); break;
    case Type::hook: into = take_hook(from); break;
    case Type::erasure: into = take_erasure(from); break;
    case Type::remains: into = take_remains(from); break;
    default: return fail(Code::corrupt, "decode_record: type " + std::to_string(type) + " is not known");
  }
  if (!from.done())
    return fail(Code::corrupt, "decode_record: " + std::to_string(bytes.size()) + " bytes are not a record");
  return {};
}

Time received_at_of(const Record& record) {
  if (const auto* grant = std::get_if<Grant>(&record)) return grant->at;
  if (const auto* hook = std::get_if<Hook>(&record)) return hook->at;
  if (const auto* command = std::get_if<OrderCommand>(&record)) return command->received_at;
  if (const auto* quarantined = std::get_if<Quarantined>(&record)) return quarantined->received_at;
  if (const auto* erasure = std::get_if<Erasure>(&record)) return erasure->at;
  if (const auto* remains = std::get_if<Remains>(&record)) {
    const auto rest = decode_record(as_bytes(remains->rest));
    return rest ? received_at_of(*rest) : Time{};
  }
  return std::get<Location>(record).received_at;
}

EventId event_id_of(const Record& record) {
  if (const auto* location = std::get_if<Location>(&record)) return waybill::event_id_of(*location);
  if (const auto* command = std::get_if<OrderCommand>(&record)) {
    if (!command->client_id.empty()) return hash_of("client command", command->order.text, command->client_id);
    return hash_of("command", encoded(record));
  }
  if (std::holds_alternative<Grant>(record)) return hash_of("grant", encoded(record));
  if (std::holds_alternative<Hook>(record)) return hash_of("hook", encoded(record));
  if (std::holds_alternative<Erasure>(record)) return hash_of("erasure", encoded(record));
  if (const auto* remains = std::get_if<Remains>(&record)) {
    EventId id = remains->carry;
    if (const auto rest = decode_record(as_bytes(remains->rest))) id += event_id_of(*rest);
    return id;
  }
  return hash_of("quarantined", encoded(record));
}

EventId event_id_of_bytes(Bytes bytes) {
  // A text of no bytes still counts as one.
  constexpr std::string_view nothing = "";
  return hash_of("bytes", bytes.empty() ? nothing : as_text(bytes));
}

}  // namespace waybill::wire
