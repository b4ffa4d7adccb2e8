// The subscriber where much waits: what it reads ahead is put once, in order, whatever the store says in between.
#include "ingest/subscribe.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"
#include "ingest/accept.h"
#include "store/memory.h"

namespace waybill::ingest {
namespace {

// Large enough that some thousands of them are several batches.
Location location_number(uint64_t number) {
  Location location;
  location.deliverer = DelivererId("d" + std::to_string(number % 7));
  location.fix_time = at_us(1'705'320'000'000'000) + std::chrono::seconds(number);
  location.received_at = location.fix_time;
  location.latitude = 41;
  location.longitude = -8;
  location.attributes = R"({"note":")" + std::string(400, 'x') + R"("})";
  return location;
}

TEST(Subscriber, puts_each_record_once_and_in_order_though_the_store_refuses_a_batch_while_the_next_is_read) {
  constexpr size_t count = 12'000;
  const auto files = make_simulated_files();
  ManualClock clock(at_us(1'705'320'000'000'000));
  const auto metrics = make_metrics();
  const auto journal = journal::open_journal({.folder = "journal"}, *files, clock, *metrics);
  ASSERT_TRUE(journal) << journal.error().message;
  Acceptor acceptor(**journal, *metrics);
  for (uint64_t number = 0; number < count; ++number) {
    const wire::Record record = location_number(number);
    ASSERT_TRUE(acceptor.accept({&record, 1}));
  }
  ASSERT_TRUE((*journal)->commit());

  store::MemoryDisk disk;
  const auto store = store::open_memory_store(disk);
  ASSERT_TRUE(store) << store.error().message;
  Progress progress;
  Health health;
  Subscriber subscriber(**journal, **store, progress, health, clock, *metrics);
  const auto first = subscriber.step();
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_LT(*first, count / 3) << "one batch must not hold all of them";
  disk.fail_next_write();
  EXPECT_FALSE(subscriber.step());
  EXPECT_EQ(progress.visible(), *first);
  for (size_t put = 1; put > 0;) {
    const auto step = subscriber.step();
    ASSERT_TRUE(step) << step.error().message;
    put = *step;
  }
  EXPECT_EQ(progress.visible(), count);
  const store::Watermarks marks = (*store)->watermarks();
  EXPECT_EQ(marks.visible, count);
  EXPECT_EQ(marks.taken[static_cast<size_t>(store::Outcome::stored)], count);
}

}  // namespace
}  // namespace waybill::ingest
