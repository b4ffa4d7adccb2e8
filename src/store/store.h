// store/store.h — what the system remembers: each order and deliverer, where they are, and their tracks.
//
// Invariant: last never goes back in fix time; an older location extends the track, not the position.
// Delivery:  put() is idempotent by position: positions below the visible watermark are skipped, so that a hop may repeat
//            itself. Of locations with the same identity the one with the lowest position stays, the others are repeats.
// Retention: positions below the purged watermark were let go: no read shows them, their ledgers say only that they were.
// Threads:   put() from one thread, flush() and purge() from one thread (it may be another, at the same time as put()); all
//            other methods from any thread. erase() as flush() and purge().
// Failure:   put() takes all of its entries, the watermark and the ledger, or nothing; after unavailable or overloaded put
//            the same again. corrupt: what is stored is not what was written, or it has to be opened anew; stop.
// Durability: what put() wrote is visible at once and durable after flush(); a crash between falls back to the durable
//            watermark, and the caller puts again from there.
// Erased:    who was erased by a record that was put (wire/erased_names.h) is named by nothing that is put after it.
// Memory:    bounded by the options, whatever is stored.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/position.h"
#include "domain/event.h"
#include "domain/order.h"
#include "store/ledger.h"
#include "store/questions.h"
#include "wire/record.h"

namespace waybill::store {

// One journal record with its place. `record` is missing where the bytes could not be decoded; `undecoded` has them then.
// `encoded`: the bytes that it was decoded from, where they are at hand; they are good until put() returns.
struct Entry {
  uint64_t offset = 0;
  std::optional<wire::Record> record;
  std::string undecoded;
  std::string_view encoded = {};
};

// Offsets behind the last position that is …
struct Watermarks {
  uint64_t visible = 0;
  uint64_t durable = 0;
  uint64_t purged = 0;  // let go: a multiple of ledger_span, at most durable
  uint32_t epoch = 0;  // of the journal that the store follows; 0 before the first put
  uint32_t partition = 0;
  std::array<uint64_t, outcome_count> taken{};  // since the store was opened: what became of what was put, by Outcome
};

class Store {
 public:
  virtual ~Store() = default;

  // Entries in ascending offsets without gaps, the first at or below the visible watermark (above it: invalid, a gap).
  // `journal` names epoch and partition; another than before is a conflict, but for a higher epoch from the watermark on.
  // Where `told` is given, what happened is appended to it, in the order of the positions; after a failure nothing is.
  virtual Result<void> put(Position journal, std::span<const Entry> entries, std::vector<Event>* told) = 0;
  Result<void> put(Position journal, std::span<const Entry> entries) { return put(journal, entries, nullptr); }
  virtual Result<void> flush() = 0;
  virtual Watermarks watermarks() const = 0;

  // Lets the positions below `below` go for good: invisible when it is done first, and durably so before any row is removed.
  // `below`: a multiple of ledger_span, at most the durable watermark (else invalid); below what is purged it changes nothing.
  // Then removes a bounded amount of what nobody can see any more, orders and deliverers that have gone quiet included
  // (store/quiet.h). Whether there is more to remove: then call it again. It flushes. Its failures are those of flush(): call
  // it again; the books balance whether it was done or not.
  virtual Result<bool> purge(uint64_t below) = 0;

  // Takes what names the one who was erased out of all rows, a bounded amount at a time, from the beginning when the last time
  // had come to the end or was of somebody else; the books move with the rows. Whether there is more: then call it again. The
  // last step leaves no file with bytes of such a row. Its failures are those of flush().
  virtual Result<Swept> erase(const Erasure& erasure) = 0;
  virtual Result<std::vector<ErasureRow>> erasures() const = 0;  // by position

  virtual Result<std::optional<OrderView>> order(const OrderId& id) const = 0;
  virtual Result<std::optional<DelivererView>> deliverer(const DelivererId& id) const = 0;
  virtual Result<TrackPage> track(const TrackQuery& query) const = 0;  // invalid for a cursor that we did not give
  virtual Result<OrdersPage> orders(const OrdersQuery& query) const = 0;
  virtual Result<UnheardPage> unheard(const UnheardQuery& query) const = 0;
  virtual Result<std::vector<Found>> find(const std::string& client_id) const = 0;  // in all scopes
  virtual Result<QuarantinePage> quarantined(uint64_t from, size_t limit) const = 0;

  virtual Result<std::optional<Access>> access(Grant::Kind kind, const std::string& id) const = 0;
  virtual Result<AccessPage> accesses(const AccessQuery& query) const = 0;

  // Those that were not removed, by id. What they want is put into the outbox as it happens, and stays until it is let go.
  virtual Result<std::vector<HookRow>> hooks() const = 0;
  // In the order of their places; fewer than the limit does not mean the end, none does.
  virtual Result<std::vector<OutboxRow>> outbox(EventPlace from, size_t limit) const = 0;
  // Events of records below this offset go, a bounded number at a time. Whether there are more: then call it again.
  virtual Result<bool> drop_outbox(uint64_t below) = 0;

  virtual Result<std::vector<Ledger>> ledgers() const = 0;  // ascending, without gaps, up to the visible watermark
  virtual Result<Recount> recount() const = 0;  // reads everything
};

}  // namespace waybill::store
