// store/intake.h — takes journal records into the tables: what repeats, what changes, what the books say of it.
//
// Invariant: one put is one batch: rows, watermark and ledgers. After a failed one nothing is remembered of it.
// Threads:   one at a time; watermarks() and flushed() from any.
// Limits:    row_cache_bytes_max of decoded rows for each of orders and deliverers; beyond it rows are read again.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <span>
#include <unordered_set>

#include "base/guarded.h"
#include "store/batch_keys.h"
#include "store/row_cache.h"
#include "store/rows.h"
#include "store/tables.h"
#include "wire/erased_names.h"

namespace waybill::store {

inline constexpr size_t row_cache_bytes_max = 24 << 20;

// By span of the books, what is to be added by outcome; of what moves away, less than nothing.
using Rebooked = std::map<uint64_t, std::array<Sum, outcome_count>>;

class Intake {
 public:
  // `ledger`: the last one stored; `hooks`: those that are; `erased`: who is, null where nobody is to be told apart.
  Intake(Tables& tables, const Meta& meta, const Ledger& ledger, std::span<const HookRow> hooks,
         wire::ErasedNames* erased);

  Result<void> put(Position journal, std::span<const Entry> entries, std::vector<Event>* told = nullptr);
  // Moves the boundary and the books of what lies below it, in one batch.
  Result<void> purge(uint64_t below);
  Result<bool> drop_outbox(uint64_t below);
  // Another's batch with the books of what it takes away; all rows are read again then.
  Result<void> write_swept(Batch& batch, const Rebooked& rebooked);
  // The rows of these ids were removed or written by another: they are read again.
  void forget_order(std::string_view id) { orders_.erase(id); }
  void forget_deliverer(std::string_view id) { deliverers_.erase(id); }
  void flushed(uint64_t durable);
  Watermarks watermarks() const;

 private:
  // Index keys that were written a short while ago: writing them again would change nothing.
  struct RecentHours {
    struct Hour {
      std::string key;
      uint64_t until = 0;
    };
    std::array<Hour, 4> hours;
    size_t next = 0;
    bool add(std::string_view key, uint64_t until);  // whether it is new
  };
  struct CachedOrder {
    OrderRow row;
    RecentHours hours;
    std::optional<DelivererId> holder;  // as `assigned` has it
  };
  struct CachedDeliverer {
    DelivererRow row;
    RecentHours loose_hours;
    std::optional<std::vector<std::string>> held;  // ids of the orders that it has by a command, sorted; none: not read
  };
  // What webhooks want to be told.
  struct Wanted {
    std::map<std::string, EventKinds, std::less<>> by_hook;
    EventKinds any;
    void say(const Hook& hook);
  };
  using Orders = RowCache<CachedOrder>;
  using Deliverers = RowCache<CachedDeliverer>;

  Result<void> take_all(std::span<const Entry> entries);
  Result<void> take(const Entry& entry);
  // `encoded`: its record, or empty.
  Result<void> take_location(uint64_t offset, const Location& location, std::string_view encoded);
  Result<void> take_command(uint64_t offset, const OrderCommand& command);
  void take_grant(uint64_t offset, const Grant& grant);
  void take_hook(uint64_t offset, const Hook& hook);
  void take_erasure(uint64_t offset, const Erasure& erasure);
  Result<void> take_remains(uint64_t offset, const wire::Remains& remains);
  Result<void> take_without_names(const Entry& entry);  // of one that names somebody who was erased
  void keep_for_hooks(size_t from);  // what the record at hand told, from there on
  void quarantine(uint64_t offset, const EventId& id, const wire::Quarantined& what);
  void quarantine_record(const Entry& entry, std::string_view reason, Time received_at);
  void count(uint64_t offset, Outcome outcome, const EventId& id);

  Result<Orders::Slot*> order(std::string_view id);
  Result<Deliverers::Slot*> deliverer(const DelivererId& id);
  Result<bool> has_client_id(std::string_view client_id, const EventId& id);
  // Moves `place` to where the location is to be kept; false where it is kept already.
  Result<bool> find_place(std::string_view scope, Place& place, const EventId& id);
  void index_hours(uint64_t offset, const Location& location, std::string_view scope, Orders::Slot* of_order,
                   Deliverers::Slot* of_deliverer);
  void note_received(Time received_at);
  Result<bool> has_been_heard(const OrderCommand& silent, const Order& order);
  Result<void> hear_of_orders(uint64_t offset, const Location& location, Deliverers::Slot& of_deliverer);
  // Those that the deliverer has by a command, now and at that time.
  Result<std::vector<Orders::Slot*>> orders_of(const DelivererId& deliverer, Time at);
  Result<std::vector<std::string>> read_held(const DelivererId& deliverer) const;
  void hand_over(const std::string& order, const DelivererId* from, const DelivererId* to);

  // Of a location, before and after it is remembered (intake_events.cc).
  struct Before {
    OrderState state = OrderState::open;
    bool silent = false;
    bool newer = false;  // than all before it
    std::optional<Point> place;
  };
  Result<Before> before(const Location& location, const Place& place, Orders::Slot* of_order,
                        Deliverers::Slot* of_deliverer) const;
  Result<void> tell(uint64_t offset, const Location& location, const Before& before, Orders::Slot* of_order);
  Result<void> tell(uint64_t offset, const OrderCommand& command, const Order& was, const OrderRow& row);
  void remember(const Location& location, const Place& place, Orders::Slot* of_order, Deliverers::Slot* of_deliverer);

  void write_orders();
  void write_deliverers();
  void move_updated(char kind, std::string_view id, Time updated_at, std::optional<uint32_t>& minute);
  void forget();  // after a failure: what is stored decides again

  Tables& tables_;
  wire::ErasedNames* const erased_;
  std::unique_ptr<Batch> batch_;
  Orders orders_;
  Deliverers deliverers_;
  BatchKeys locations_;  // of the batch at hand
  std::unordered_set<EventId, BatchKeys::IdHash> client_ids_;  // the same
  Ledger ledger_;  // of the span at hand
  Ledger committed_;  // as stored
  std::array<uint64_t, outcome_count> taken_{};  // of the batch at hand
  std::vector<Event>* told_ = nullptr;  // null: nobody asks
  std::vector<Event> own_told_;  // where only webhooks ask
  Wanted wanted_;  // of the batch at hand
  Wanted committed_wanted_;  // as stored
  std::string outbox_begin_;  // key below which nothing is left
  Guarded<Watermarks> watermarks_;
  std::string row_;  // scratch
  std::string key_;  // scratch
  std::string bytes_;  // scratch
};

}  // namespace waybill::store
