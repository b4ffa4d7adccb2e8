// ingest/parcel.h — what goes over a broker's line: parcels of journal records and followers' receipts for them; or, where the line is
// the journal itself, its opening and what is offered to it.
//
// Threads: pure functions.
// Failure: corrupt for bytes that are none of ours, whatever they are.
// Format:  docs/FORMATS.md, Broker.
#pragma once

#include "journal/source.h"

namespace waybill::ingest {

// Consecutive records of one epoch of one journal.
struct Parcel {
  uint64_t journal = 0;  // which; by chance, the same as long as its folder lives
  Position first{};
  journal::Records records{};

  uint64_t end() const { return first.offset + records.size(); }
};

// A follower has everything of this journal below this position on its disk.
struct Receipt {
  uint64_t journal = 0;  // 0: the follower has nothing of any yet
  std::string follower{};
  Position below{};
  bool missing = false;  // and what came does not begin there: it is to be sent again

  bool operator==(const Receipt&) const = default;
};

// Begins a line that is a journal: which, and the position that the first record offered behind it gets. Of several the first counts.
struct Opening {
  uint64_t journal = 0;
  Position next{};

  bool operator==(const Opening&) const = default;
};

// Records for such a line. Their positions follow from their place in it.
struct Offer {
  uint64_t door = 0;  // who offers; by chance, another one after each start
  uint64_t number = 0;  // of that door
  journal::Records records{};
};

inline constexpr size_t parcel_bytes_usual = 64 << 10;  // of records; one that is larger goes alone
inline constexpr size_t follower_name_max = 64;

std::string encode(const Parcel& parcel);
std::string encode(const Receipt& receipt);
std::string encode(const Opening& opening);
std::string encode(const Offer& offer);
Result<Parcel> decode_parcel(Bytes bytes);
Result<Receipt> decode_receipt(Bytes bytes);
Result<Opening> decode_opening(Bytes bytes);
Result<Offer> decode_offer(Bytes bytes);

// Letters, digits, `-` and `_`, at most follower_name_max of them.
bool is_follower_name(std::string_view name);
// The topic on which followers answer.
std::string receipts_topic(const std::string& topic);

}  // namespace waybill::ingest
