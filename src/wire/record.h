// wire/record.h — what one journal record holds, to and from bytes (docs/FORMATS.md, Journal records).
//
// Threads: pure functions.
// Failure: decode gives corrupt for bytes that are not exactly one record, also where an id or a number in it could not have
//          been taken in; it never reads outside them.
#pragma once

#include <string>
#include <variant>

#include "base/files.h"
#include "domain/access.h"
#include "domain/erasure.h"
#include "domain/hook.h"
#include "domain/order.h"

namespace waybill::wire {

// Input that was taken but does not fit: kept as it came, with the reason, to be put back after a fix.
struct Quarantined {
  std::string source;  // the entry that it came in by: "locations", "orders", a phone's app
  std::string field;  // empty where it is the whole
  std::string reason;
  std::string raw;
  Time received_at{};

  bool operator==(const Quarantined&) const = default;
};

// What stands where a record was erased. `carry` is what the books need beside the identity of the rest, so that the sum of a
// range's identities stays what it was.
struct Remains {
  EventId carry;
  std::string rest;  // encoded: the record without the name that was erased; empty where nothing is left

  bool operator==(const Remains&) const = default;
};

using Record = std::variant<Location, OrderCommand, Quarantined, Grant, Hook, Erasure, Remains>;

void encode_record(const Record& record, std::string& into);  // appends
void encode_record(const Location& location, std::string& into);
Result<Record> decode_record(Bytes bytes);
Result<void> decode_record(Bytes bytes, Record& into);  // after a failure `into` holds nothing of use

// When it came to us, by our clock; of remains without a rest nobody knows it any more, and it is 1970.
Time received_at_of(const Record& record);

// The identity that the ledgers sum.
EventId event_id_of(const Record& record);
// Of a record that cannot be decoded: a hash of its bytes.
EventId event_id_of_bytes(Bytes bytes);

}  // namespace waybill::wire
