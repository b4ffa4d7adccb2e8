#include "wire/event_bytes.h"

#include "wire/bytes.h"
#include "wire/record.h"

namespace waybill::wire {
namespace {

namespace flag {
constexpr uint64_t order = 1 << 0, order_integer = 1 << 1, deliverer = 1 << 2, deliverer_integer = 1 << 3;
constexpr uint64_t location = 1 << 4, reason = 1 << 5, of_location = 1 << 6;
constexpr uint64_t all = (1 << 7) - 1;
}  // namespace flag

uint64_t flag_if(bool condition, uint64_t flag) { return condition ? flag : 0; }

// An enumerator, of those up to the last.
template <class Enum>
Enum take_enum(Taker& from, Enum last) {
  const uint8_t value = from.byte();
  if (value > static_cast<uint8_t>(last)) from.refuse();
  return from.ok() ? static_cast<Enum>(value) : Enum{};
}

template <class IdType>
std::optional<IdType> take_id(Taker& from, uint64_t flags, uint64_t there, uint64_t integer) {
  if ((flags & there) == 0) return std::nullopt;
  return IdType(std::string(from.text()), (flags & integer) != 0);
}

}  // namespace

void encode_event(const Event& event, std::string& into) {
  into.push_back(static_cast<char>(event.kind));
  put_varint(into, flag_if(event.order.has_value(), flag::order) |
                       flag_if(event.order && event.order->integer, flag::order_integer) |
                       flag_if(event.deliverer.has_value(), flag::deliverer) |
                       flag_if(event.deliverer && event.deliverer->integer, flag::deliverer_integer) |
                       flag_if(event.location != nullptr, flag::location) |
                       flag_if(!event.reason.empty(), flag::reason) | flag_if(event.of_location, flag::of_location));
  into.push_back(static_cast<char>(event.state));
  into.push_back(static_cast<char>(event.was));
  put_fixed64(into, static_cast<uint64_t>(to_us(event.at)));
  put_fixed64(into, static_cast<uint64_t>(to_us(event.received_at)));
  if (event.order) put_text(into, event.order->text);
  if (event.deliverer) put_text(into, event.deliverer->text);
  if (event.location) {
    std::string record;
    encode_record(*event.location, record);
    put_text(into, record);
  }
  if (!event.reason.empty()) put_text(into, event.reason);
}

Result<Event> decode_event(Bytes bytes) {
  Taker from(bytes);
  Event event;
  event.kind = take_enum(from, Event::Kind::heard);
  const uint64_t flags = from.varint();
  if ((flags & ~flag::all) != 0) from.refuse();
  event.state = take_enum(from, OrderState::cancelled);
  event.was = take_enum(from, OrderState::cancelled);
  event.at = at_us(static_cast<int64_t>(from.fixed64()));
  event.received_at = at_us(static_cast<int64_t>(from.fixed64()));
  event.order = take_id<OrderId>(from, flags, flag::order, flag::order_integer);
  event.deliverer = take_id<DelivererId>(from, flags, flag::deliverer, flag::deliverer_integer);
  if ((flags & flag::location) != 0) {
    TRY_LET(Record record, decode_record(as_bytes(from.text())));
    auto* location = std::get_if<Location>(&record);
    if (location == nullptr)
      from.refuse();
    else
      event.location = std::make_shared<const Location>(std::move(*location));
  }
  event.of_location = (flags & flag::of_location) != 0;
  if ((flags & flag::reason) != 0) event.reason = from.text();
  if (!from.done()) return fail(Code::corrupt, "decode_event: these bytes are not an event");
  return event;
}

}  // namespace waybill::wire
