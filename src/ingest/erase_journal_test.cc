#include "ingest/erase_journal.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"
#include "ingest/books.h"
#include "journal/journal_probe.h"

namespace waybill::ingest {
namespace {

const Time noon = at_us(1'705'320'000'000'000);

Location location_number(uint64_t number) {
  Location location;
  location.deliverer = DelivererId("courier-" + std::to_string(number % 3));
  location.fix_time = noon + std::chrono::seconds(number);
  location.received_at = location.fix_time;
  location.latitude = 41;
  location.longitude = -8;
  return location;
}

class EraseJournalTest : public testing::Test {
 protected:
  EraseJournalTest() {
    names.set_key({.high = 7, .low = 8});
    open();
  }
  void open() {
    journal.reset();
    auto opened = journal::open_journal({.folder = "journal", .segment_bytes = 4096}, *files, clock, *metrics);
    ASSERT_TRUE(opened) << opened.error().message;
    journal = *std::move(opened);
  }
  void append(const wire::Record& record) {
    std::string bytes;
    wire::encode_record(record, bytes);
    ASSERT_TRUE(journal->append(journal::records_of({bytes})));
    ASSERT_TRUE(journal->commit());
  }
  void fill(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) append(location_number(i));
    OrderCommand command;
    command.order = OrderId("A");
    command.deliverer = DelivererId("courier-1");
    command.received_at = noon;
    append(command);
  }
  store::Sum sum(uint64_t from, uint64_t to) {
    const auto read =
        sum_of_journal([&](uint64_t offset, size_t bytes) { return journal->read(offset, bytes); }, from, to);
    EXPECT_TRUE(read) << read.error().message;
    return read.value_or(store::Sum{});
  }
  std::vector<store::Sum> sums() {
    std::vector<store::Sum> all;
    for (const ClosedSegment& segment : closed_segments(*journal, journal->durable_end()))
      all.push_back(sum(segment.first, segment.end));
    return all;
  }
  Result<uint64_t> erase() { return erase(names); }
  Result<uint64_t> erase(const wire::ErasedNames& whom) {
    uint64_t replaced = 0;
    for (const ClosedSegment& segment : closed_segments(*journal, journal->durable_end())) {
      TRY_LET(const uint64_t of_it, erase_from(*journal, segment, whom));
      replaced += of_it;
    }
    return replaced;
  }
  bool says(const std::string& text) {
    const std::vector<FileInfo> listed = files->list("journal").value();
    for (const FileInfo& file : listed)
      if (read_file(*files, "journal/" + file.name).value().find(text) != std::string::npos) return true;
    return false;
  }

  std::unique_ptr<SimulatedFiles> files = make_simulated_files();
  ManualClock clock{noon};
  std::unique_ptr<Metrics> metrics = make_metrics();
  wire::ErasedNames names;
  std::unique_ptr<journal::Journal> journal;
};

TEST_F(EraseJournalTest, no_byte_of_the_name_is_left_and_each_segments_books_are_what_they_were) {
  fill(300);
  ASSERT_TRUE(journal->roll());
  const auto before = sums();
  ASSERT_GT(before.size(), 3u);
  names.add(
      {.kind = Erasure::Kind::deliverer, .name = names.hash_of(Erasure::Kind::deliverer, "courier-1"), .at = noon});
  EXPECT_TRUE(says("courier-1"));
  const auto replaced = erase();
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_EQ(*replaced, 101u);
  EXPECT_EQ(sums(), before);
  EXPECT_FALSE(says("courier-1"));
  EXPECT_TRUE(says("courier-2"));
  EXPECT_EQ(erase().value(), 0u);
  open();
  EXPECT_EQ(sums(), before);
}

TEST_F(EraseJournalTest, one_erased_after_the_other_leaves_the_books_as_they_were) {
  fill(100);
  ASSERT_TRUE(journal->roll());
  const auto before = sums();
  for (const std::string name : {"courier-1", "courier-0", "courier-2"}) {
    names.add({.kind = Erasure::Kind::deliverer, .name = names.hash_of(Erasure::Kind::deliverer, name), .at = noon});
    ASSERT_TRUE(erase());
    EXPECT_EQ(sums(), before) << name;
    EXPECT_FALSE(says(name));
  }
}

TEST_F(EraseJournalTest, of_two_who_are_erased_at_once_each_is_counted_by_itself) {
  fill(100);
  ASSERT_TRUE(journal->roll());
  const auto before = sums();
  std::vector<Erasure> erasures;
  for (const std::string name : {"courier-1", "courier-0"}) {
    erasures.push_back(
        {.kind = Erasure::Kind::deliverer, .name = names.hash_of(Erasure::Kind::deliverer, name), .at = noon});
    names.add(erasures.back());
  }
  for (const uint64_t records : {34u, 34u}) {
    const wire::ErasedNames one(names, std::span(&erasures.back(), 1));
    erasures.pop_back();
    EXPECT_EQ(erase(one).value(), records);
    EXPECT_EQ(sums(), before);
  }
  EXPECT_FALSE(says("courier-0") || says("courier-1"));
}

TEST_F(EraseJournalTest, whatever_operation_fails_the_books_of_each_segment_stay) {
  constexpr uint64_t n_max = 300;
  uint64_t n = 1;
  for (; n < n_max; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    journal.reset();
    files = make_simulated_files(n);
    open();
    fill(150);
    ASSERT_TRUE(journal->roll());
    const auto before = sums();
    if (n == 1)
      names.add(
          {.kind = Erasure::Kind::deliverer, .name = names.hash_of(Erasure::Kind::deliverer, "courier-1"), .at = noon});
    files->fail_at(n, Code::unavailable, Failing::from_then_on);
    const auto erased = erase();
    const bool failed = files->has_failed();
    files->stop();
    journal.reset();
    files->crash(n, Unsynced::dropped);
    open();
    ASSERT_EQ(sums(), before);
    if (erased) {
      ASSERT_FALSE(says("courier-1"));
    }
    ASSERT_TRUE(erase());
    ASSERT_EQ(sums(), before);
    ASSERT_FALSE(says("courier-1"));
    if (!failed) break;
  }
  EXPECT_GT(n, 10u);
  EXPECT_LT(n, n_max);
}

}  // namespace
}  // namespace waybill::ingest
