// store/keys.h — the keys of the store's tables, byte for byte as docs/FORMATS.md has them.
//
// Threads: pure functions. Times are those of a checked record (rows.h): years 1 … 9999.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "domain/access.h"
#include "domain/erasure.h"
#include "domain/location.h"
#include "store/questions.h"

namespace waybill::store {

void append_be32(std::string& into, uint32_t value);
void append_be64(std::string& into, uint64_t value);
uint32_t be32_of(std::string_view bytes);  // of its first 4
uint64_t be64_of(std::string_view bytes);  // of its first 8

// Where a location stands in a track: fix time, state, the first 8 bytes of its identity; compares as its bytes do.
struct Place {
  static constexpr size_t size = 17;
  std::array<char, size> bytes{};

  std::string_view text() const { return {bytes.data(), size}; }
  Time fix_time() const;
  void bump();  // the next free number, where two identities begin alike
  bool operator==(const Place&) const = default;
  std::strong_ordering operator<=>(const Place& other) const { return text() <=> other.text(); }
};

Place place_of(const Location& location, const EventId& id);
Place first_place(Time fix_time);                // not behind any place at that time
Place place_of(std::string_view location_key);   // of its last 17 bytes, as all keys of locations have them

inline constexpr Duration hour = std::chrono::hours(1);
int32_t hour_of(Time time);  // since 1970, rounded down; stays within 32 bits for any time
inline Time hour_begin(int32_t number) { return Time(hour * number); }
uint32_t minute_of(Time time);  // the same of minutes, never negative

// `id` 0: what all keys of an id begin with.
std::string id_prefix(std::string_view id);

std::string location_key(std::string_view scope, const Place& place);
void make_location_key(std::string& into, std::string_view scope, const Place& place);
std::string order_hour_key(std::string_view order, int32_t hour_number, std::string_view scope);
void make_order_hour_key(std::string& into, std::string_view order, int32_t hour_number, std::string_view scope);
std::string loose_hour_key(std::string_view deliverer, int32_t hour_number);
std::string assigned_key(std::string_view deliverer, std::string_view order);
std::string command_key(std::string_view order, uint64_t offset);
std::string updated_key(uint32_t minute, char kind, std::string_view id);
std::string client_id_prefix(std::string_view client_id);
std::string client_id_key(std::string_view client_id, const EventId& id);
std::string grant_prefix(Grant::Kind kind, std::string_view id);
std::string grant_key(Grant::Kind kind, std::string_view id, uint64_t offset);
std::string hook_key(std::string_view id, uint64_t offset);
std::string erasure_key(const Erasure& erasure, uint64_t offset);
std::string outbox_key(const EventPlace& place);
EventPlace event_place_of(std::string_view outbox_key);
std::string number_key(uint64_t number);  // of quarantine and ledger
void append_id(std::string& into, const EventId& id);  // 16 bytes BE
EventId id_of(std::string_view bytes);

// The hour in a key of order_hours or loose_hours behind its prefix.
int32_t hour_in(std::string_view key, size_t prefix_bytes);

inline constexpr std::string_view meta_key = "meta";
inline constexpr char updated_order = 'o';
inline constexpr char updated_deliverer = 'd';

}  // namespace waybill::store
