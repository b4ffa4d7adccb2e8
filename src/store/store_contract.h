// store/store_contract.h — what every store must do, run by each adapter's test over the ground it stands on.
//
// An adapter's test makes its Ground and says
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(&make_memory_ground));
// the tests themselves are in store_contract_*_test.cc.
#pragma once

#include <gtest/gtest.h>

#include "store/store.h"
#include "wire/erased_names.h"

namespace waybill::store {

// The disk below a store, which outlives it.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual Result<std::unique_ptr<Store>> open() = 0;
  // Destroys the store as a power cut does: what was flushed is there when it is opened again …
  virtual void crash(std::unique_ptr<Store> store) = 0;
  virtual bool forgets() const { return true; }  // … and only that
  virtual bool holds_many() const { return true; }  // tens of thousands of rows, in the time of a test

  std::shared_ptr<wire::ErasedNames> erased;  // of the store that was opened last, shared with it

 protected:
  std::shared_ptr<wire::ErasedNames> nobody_erased() {
    erased = std::make_shared<wire::ErasedNames>();
    erased->set_key({.high = 1, .low = 2});
    return erased;
  }
};

using MakeGround = std::unique_ptr<Ground> (*)();

// Seconds behind 2024-01-15T09:00:00Z.
inline Time at(int64_t seconds) { return at_us((1'705'309'200 + seconds) * 1'000'000); }

// A location as a phone sends it: received a second after its fix.
inline Location seen(std::optional<std::string> order, std::optional<std::string> deliverer, int64_t seconds,
                     DeliveryState state = DeliveryState::none) {
  Location location;
  if (order) location.order = OrderId(*order);
  if (deliverer) location.deliverer = DelivererId(*deliverer);
  location.state = state;
  location.fix_time = at(seconds);
  location.received_at = at(seconds + 1);
  location.latitude = 52 + static_cast<double>(seconds) / 100'000;
  location.longitude = 13;
  return location;
}

inline OrderCommand told(OrderCommand::Kind kind, const std::string& order, int64_t seconds,
                         std::optional<std::string> deliverer = {}) {
  OrderCommand command;
  command.kind = kind;
  command.order = OrderId(order);
  if (deliverer) command.deliverer = DelivererId(*deliverer);
  command.at = at(seconds);
  command.received_at = at(seconds);
  return command;
}
inline int64_t seconds_of(Time time) { return (to_us(time) - to_us(at(0))) / 1'000'000; }

using enum DeliveryState;
using Kind = OrderCommand::Kind;
using Seconds = std::vector<int64_t>;
using Names = std::vector<std::string>;

inline OrderCommand assign(const std::string& order, int64_t seconds, const std::string& deliverer) {
  return told(OrderCommand::Kind::put, order, seconds, deliverer);
}

template <class T>
T checked(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << to_string(result.error().code) << ": " << result.error().message;
    return T{};
  }
  return std::move(*result);
}

class StoreContract : public testing::TestWithParam<MakeGround> {
 protected:
  StoreContract() : ground(GetParam()()) { reopen(); }

  // Puts the records behind those put before, in one batch.
  void put(const std::vector<wire::Record>& records);
  Result<void> put_from(uint64_t offset, size_t batch = 1000);  // what was put before, again
  void fill(uint64_t end, int64_t seconds);  // up to this position, with one location again and again
  void let_go(uint64_t below);  // flushed, and all of it removed
  void reopen();  // closes without a flush, which may lose what was not flushed
  void crash() {
    ground->crash(std::move(store));
    reopen();
  }
  void replay();  // what is above the durable watermark

  std::vector<int64_t> track(TrackQuery query) const;  // seconds of all pages
  std::vector<int64_t> order_track(const std::string& id, size_t limit = 1000) const;
  std::vector<int64_t> deliverer_track(const std::string& id, size_t limit = 1000) const;
  std::optional<OrderView> order(const std::string& id) const;
  std::optional<int64_t> last(const std::string& id) const;  // seconds; also checks that it ends the track
  std::vector<std::string> orders(OrdersQuery query) const;  // ids of all pages
  Ledger books() const;     // all ledgers together; also checks that they equal the rows

  static constexpr Position journal{.epoch = 7, .partition = 3, .offset = 0};
  std::unique_ptr<Ground> ground;
  std::unique_ptr<Store> store;
  std::vector<Entry> log;  // all that was put
  std::vector<Event> events;  // all that was told of it
};

// Everything that can be asked, as text, to compare two stores by.
std::string everything_of(const Store& store);

}  // namespace waybill::store
