#include "store/memory.h"

#include "store/store_contract.h"

namespace waybill::store {
namespace {

class MemoryGround final : public Ground {
 public:
  Result<std::unique_ptr<Store>> open() override { return open_memory_store(disk_, nobody_erased()); }
  void crash(std::unique_ptr<Store> store) override {
    store.reset();
    disk_.crash();
  }

 private:
  MemoryDisk disk_;
};

std::unique_ptr<Ground> make_memory_ground() { return std::make_unique<MemoryGround>(); }

TEST(MemoryStore, a_batch_that_fails_leaves_no_trace) {
  MemoryDisk disk, untroubled_disk;
  const auto store = checked(open_memory_store(disk)), untroubled = checked(open_memory_store(untroubled_disk));
  const Position journal{.epoch = 1, .partition = 0, .offset = 0};
  const auto put = [&](uint64_t offset, const std::vector<wire::Record>& records, Store& into) {
    std::vector<Entry> entries;
    for (const wire::Record& record : records)
      entries.push_back({.offset = offset++, .record = record, .undecoded = {}});
    return into.put(journal, entries);
  };
  const std::vector<wire::Record> first{seen("A", "d1", 1), assign("A", 0, "d1")};
  const std::vector<wire::Record> second{seen("A", "d1", 5), seen({}, "d1", 9), told(Kind::close, "A", 20),
                                         seen("A", "d1", 1)};
  const std::vector<wire::Record> third{seen("A", "d1", 7), seen({}, "d1", 9), seen("B", "d2", 8)};
  for (Store* each : {store.get(), untroubled.get()}) ASSERT_TRUE(put(0, first, *each));
  disk.fail_next_write();
  EXPECT_EQ(put(2, second, *store).error().code, Code::unavailable);
  EXPECT_EQ(everything_of(*store), everything_of(*untroubled));
  for (Store* each : {store.get(), untroubled.get()}) {
    ASSERT_TRUE(put(2, second, *each));
    ASSERT_TRUE(put(6, third, *each));
  }
  EXPECT_EQ(everything_of(*store), everything_of(*untroubled));
  EXPECT_EQ(store->watermarks().visible, 9u);
}

TEST(MemoryStore, refuses_a_newer_format) {
  MemoryDisk disk;
  disk.set_format(3);
  const auto refused = open_memory_store(disk);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_NE(refused.error().message.find("format 3"), std::string::npos) << refused.error().message;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(&make_memory_ground));

}  // namespace waybill::store
