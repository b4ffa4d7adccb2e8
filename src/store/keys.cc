#include "store/keys.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace waybill::store {
namespace {

constexpr uint64_t sign_bit_64 = uint64_t{1} << 63;
constexpr uint32_t sign_bit_32 = uint32_t{1} << 31;

void write_be64(char* at, uint64_t value) {
  for (int i = 7; i >= 0; --i, value >>= 8) at[i] = static_cast<char>(value);
}

uint64_t fix_number(Time time) { return static_cast<uint64_t>(to_us(time)) ^ sign_bit_64; }

int64_t rounded_down(Time time, Duration unit) {
  const int64_t us = to_us(time), of = unit.count();
  return us / of - (us % of < 0 ? 1 : 0);
}

}  // namespace

void append_be32(std::string& into, uint32_t value) {
  char bytes[4];
  for (int i = 3; i >= 0; --i, value >>= 8) bytes[i] = static_cast<char>(value);
  into.append(bytes, 4);
}

void append_be64(std::string& into, uint64_t value) {
  char bytes[8];
  write_be64(bytes, value);
  into.append(bytes, 8);
}

uint32_t be32_of(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

uint64_t be64_of(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes.substr(0, 8)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

Time Place::fix_time() const { return at_us(static_cast<int64_t>(be64_of(text()) ^ sign_bit_64)); }

void Place::bump() { write_be64(bytes.data() + 9, be64_of(text().substr(9)) + 1); }

Place place_of(const Location& location, const EventId& id) {
  Place place = first_place(location.fix_time);
  place.bytes[8] = static_cast<char>(location.state);
  write_be64(place.bytes.data() + 9, id.high);
  return place;
}

Place first_place(Time fix_time) {
  Place place;
  write_be64(place.bytes.data(), fix_number(fix_time));
  return place;
}

Place place_of(std::string_view location_key) {
  Place place;
  if (location_key.size() >= Place::size)
    std::memcpy(place.bytes.data(), location_key.data() + location_key.size() - Place::size, Place::size);
  return place;
}

int32_t hour_of(Time time) {
  using Limits = std::numeric_limits<int32_t>;
  return static_cast<int32_t>(std::clamp<int64_t>(rounded_down(time, hour), Limits::min(), Limits::max()));
}

uint32_t minute_of(Time time) {
  return static_cast<uint32_t>(
      std::clamp<int64_t>(rounded_down(time, std::chrono::minutes(1)), 0, std::numeric_limits<uint32_t>::max()));
}

std::string id_prefix(std::string_view id) {
  std::string key(id);
  key.push_back('\0');
  return key;
}

std::string location_key(std::string_view scope, const Place& place) {
  std::string key;
  make_location_key(key, scope, place);
  return key;
}

void make_location_key(std::string& into, std::string_view scope, const Place& place) {
  into.reserve(scope.size() + 1 + Place::size);
  into.assign(scope).push_back('\0');
  into.append(place.text());
}

std::string order_hour_key(std::string_view order, int32_t hour_number, std::string_view scope) {
  std::string key;
  make_order_hour_key(key, order, hour_number, scope);
  return key;
}

void make_order_hour_key(std::string& into, std::string_view order, int32_t hour_number, std::string_view scope) {
  into.assign(order).push_back('\0');
  append_be32(into, static_cast<uint32_t>(hour_number) ^ sign_bit_32);
  into.append(scope);
}

std::string loose_hour_key(std::string_view deliverer, int32_t hour_number) {
  return order_hour_key(deliverer, hour_number, {});
}

std::string assigned_key(std::string_view deliverer, std::string_view order) {
  return id_prefix(deliverer).append(order);
}

std::string command_key(std::string_view order, uint64_t offset) {
  std::string key = id_prefix(order);
  append_be64(key, offset);
  return key;
}

std::string grant_prefix(Grant::Kind kind, std::string_view id) { return static_cast<char>(kind) + id_prefix(id); }

std::string grant_key(Grant::Kind kind, std::string_view id, uint64_t offset) {
  std::string key = grant_prefix(kind, id);
  append_be64(key, offset);
  return key;
}

std::string updated_key(uint32_t minute, char kind, std::string_view id) {
  std::string key;
  append_be32(key, minute);
  key.push_back(kind);
  return key.append(id);
}

std::string client_id_prefix(std::string_view client_id) {
  std::string key;
  append_be64(key, hash64(as_bytes(client_id)));
  return key;
}

std::string client_id_key(std::string_view client_id, const EventId& id) {
  std::string key = client_id_prefix(client_id);
  append_id(key, id);
  return key;
}

std::string hook_key(std::string_view id, uint64_t offset) {
  std::string key = id_prefix(id);
  append_be64(key, offset);
  return key;
}

std::string erasure_key(const Erasure& erasure, uint64_t offset) {
  std::string key(1, static_cast<char>(erasure.kind));
  append_id(key, erasure.name);
  append_be64(key, offset);
  return key;
}

std::string outbox_key(const EventPlace& place) {
  std::string key;
  append_be64(key, place.offset);
  append_be32(key, place.number);
  return key;
}

EventPlace event_place_of(std::string_view outbox_key) {
  return {.offset = be64_of(outbox_key), .number = be32_of(outbox_key.substr(8))};
}

std::string number_key(uint64_t number) {
  std::string key;
  append_be64(key, number);
  return key;
}

void append_id(std::string& into, const EventId& id) {
  append_be64(into, id.high);
  append_be64(into, id.low);
}

EventId id_of(std::string_view bytes) { return {.high = be64_of(bytes), .low = be64_of(bytes.substr(8))}; }

int32_t hour_in(std::string_view key, size_t prefix_bytes) {
  return static_cast<int32_t>(be32_of(key.substr(prefix_bytes)) ^ sign_bit_32);
}

}  // namespace waybill::store
