#include "domain/location.h"

#include <bit>
#include <cstring>

namespace waybill {
namespace {

// Fixed-width little-endian parts and length-prefixed texts, so that no two different locations give the same bytes.
class IdentityBytes {
 public:
  IdentityBytes() { bytes_.clear(); }
  void text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
  }
  void number(uint64_t value) {
    char raw[8];
    std::memcpy(raw, &value, 8);
    bytes_.append(raw, 8);
  }
  EventId hash() const { return hash128(as_bytes(bytes_)); }

 private:
  static_assert(std::endian::native == std::endian::little);
  static thread_local std::string bytes_;  // one identity is made at a time; its memory is used again
};
thread_local std::string IdentityBytes::bytes_;

}  // namespace

std::string_view to_string(DeliveryState state) {
  switch (state) {
    case DeliveryState::none: return "";
    case DeliveryState::start: return "start";
    case DeliveryState::on_the_way: return "on_the_way";
    case DeliveryState::arrived: return "arrived";
  }
  return "";
}

std::optional<DeliveryState> parse_delivery_state(std::string_view text) {
  if (text == "start") return DeliveryState::start;
  if (text == "on_the_way") return DeliveryState::on_the_way;
  if (text == "arrived") return DeliveryState::arrived;
  return std::nullopt;
}

std::string scope_of(const Location& location) {
  if (location.deliverer) return "d" + location.deliverer->text;
  return "o" + (location.order ? location.order->text : std::string());
}

EventId event_id_of(std::string_view scope, std::string_view client_id) {
  IdentityBytes bytes;
  bytes.text("client");
  bytes.text(scope);
  bytes.text(client_id);
  return bytes.hash();
}

EventId event_id_of(const Location& location) {
  if (!location.client_id.empty()) return event_id_of(scope_of(location), location.client_id);
  IdentityBytes bytes;
  bytes.text("fields");
  bytes.text(location.order ? location.order->text : std::string_view());
  bytes.text(location.deliverer ? location.deliverer->text : std::string_view());
  bytes.number(static_cast<uint64_t>(to_us(location.fix_time)));
  bytes.number(std::bit_cast<uint64_t>(location.latitude));
  bytes.number(std::bit_cast<uint64_t>(location.longitude));
  bytes.number(static_cast<uint64_t>(location.state));
  return bytes.hash();
}

}  // namespace waybill
