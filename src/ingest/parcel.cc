#include "ingest/parcel.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"
#include "wire/bytes.h"

namespace waybill::ingest {
namespace {

constexpr std::string_view parcel_magic = "WBP1";
constexpr std::string_view receipt_magic = "WBR1";
constexpr std::string_view opening_magic = "WBL1";
constexpr std::string_view offer_magic = "WBO1";
constexpr size_t checksum_bytes = 4;

void put_position(std::string& into, const Position& position) {
  wire::put_varint(into, position.epoch);
  wire::put_varint(into, position.partition);
  wire::put_varint(into, position.offset);
}

Position take_position(wire::Taker& taker) {
  const uint64_t epoch = taker.varint();
  const uint64_t partition = taker.varint();
  if (epoch > std::numeric_limits<uint32_t>::max() || partition > std::numeric_limits<uint32_t>::max()) taker.refuse();
  return {
      .epoch = static_cast<uint32_t>(epoch), .partition = static_cast<uint32_t>(partition), .offset = taker.varint()};
}

void put_records(std::string& into, const journal::Records& records) {
  wire::put_varint(into, records.size());
  for (size_t i = 0; i < records.size(); ++i) wire::put_text(into, as_text(records[i]));
}

journal::Records take_records(wire::Taker& taker) {
  journal::Records records;
  for (uint64_t left = taker.varint(); taker.ok() && left > 0; --left) {
    records.bytes += taker.text();
    records.ends.push_back(records.bytes.size());
  }
  return records;
}

void seal(std::string& bytes) {
  uint32_t sum = crc32c(as_bytes(bytes));
  for (size_t i = 0; i < checksum_bytes; ++i, sum >>= 8U) bytes += static_cast<char>(sum & 0xFFU);
}

// What is between the magic and the checksum, where both are right.
Result<Bytes> unseal(Bytes bytes, std::string_view magic, const char* what) {
  if (bytes.size() < magic.size() + checksum_bytes || as_text(bytes.first(magic.size())) != magic)
    return fail(Code::corrupt, std::string("not a ") + what + ": it begins otherwise");
  const Bytes body = bytes.first(bytes.size() - checksum_bytes);
  uint32_t sum = 0;
  for (size_t i = bytes.size(); i-- > body.size();) sum = sum << 8U | std::to_integer<uint32_t>(bytes[i]);
  if (crc32c(body) != sum) return fail(Code::corrupt, std::string("a damaged ") + what + ": its checksum differs");
  return body.subspan(magic.size());
}

}  // namespace

std::string encode(const Parcel& parcel) {
  std::string bytes(parcel_magic);
  wire::put_fixed64(bytes, parcel.journal);
  put_position(bytes, parcel.first);
  put_records(bytes, parcel.records);
  seal(bytes);
  return bytes;
}

std::string encode(const Receipt& receipt) {
  std::string bytes(receipt_magic);
  wire::put_fixed64(bytes, receipt.journal);
  put_position(bytes, receipt.below);
  wire::put_varint(bytes, receipt.missing ? 1 : 0);
  wire::put_text(bytes, receipt.follower);
  seal(bytes);
  return bytes;
}

std::string encode(const Opening& opening) {
  std::string bytes(opening_magic);
  wire::put_fixed64(bytes, opening.journal);
  put_position(bytes, opening.next);
  seal(bytes);
  return bytes;
}

std::string encode(const Offer& offer) {
  std::string bytes(offer_magic);
  wire::put_fixed64(bytes, offer.door);
  wire::put_varint(bytes, offer.number);
  put_records(bytes, offer.records);
  seal(bytes);
  return bytes;
}

Result<Parcel> decode_parcel(Bytes bytes) {
  TRY_LET(const Bytes body, unseal(bytes, parcel_magic, "parcel"));
  wire::Taker taker(body);
  Parcel parcel{.journal = taker.fixed64()};
  parcel.first = take_position(taker);
  parcel.records = take_records(taker);
  if (!taker.done() || parcel.records.empty() ||
      parcel.first.offset > std::numeric_limits<uint64_t>::max() - parcel.records.size())
    return fail(Code::corrupt, "a parcel that makes no sense");
  return parcel;
}

Result<Receipt> decode_receipt(Bytes bytes) {
  TRY_LET(const Bytes body, unseal(bytes, receipt_magic, "receipt"));
  wire::Taker taker(body);
  Receipt receipt{.journal = taker.fixed64()};
  receipt.below = take_position(taker);
  receipt.missing = taker.varint() != 0;
  receipt.follower = taker.text();
  if (!taker.done() || !is_follower_name(receipt.follower)) return fail(Code::corrupt, "a receipt that makes no sense");
  return receipt;
}

Result<Opening> decode_opening(Bytes bytes) {
  TRY_LET(const Bytes body, unseal(bytes, opening_magic, "opening"));
  wire::Taker taker(body);
  Opening opening{.journal = taker.fixed64()};
  opening.next = take_position(taker);
  if (!taker.done()) return fail(Code::corrupt, "an opening that makes no sense");
  return opening;
}

Result<Offer> decode_offer(Bytes bytes) {
  TRY_LET(const Bytes body, unseal(bytes, offer_magic, "offer"));
  wire::Taker taker(body);
  Offer offer{.door = taker.fixed64(), .number = taker.varint()};
  offer.records = take_records(taker);
  if (!taker.done() || offer.records.empty()) return fail(Code::corrupt, "an offer that makes no sense");
  return offer;
}

bool is_follower_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= follower_name_max && std::ranges::all_of(name, fits);
}

std::string receipts_topic(const std::string& topic) { return topic + ".receipts"; }

}  // namespace waybill::ingest
