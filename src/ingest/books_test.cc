// Two sides' books of the same journal, whose rows end at other places.
#include "ingest/books.h"

#include <gtest/gtest.h>

namespace waybill::ingest {
namespace {

BookRow row(uint64_t from, uint64_t to, uint64_t more = 0) {
  BookRow made{.from = from, .to = to};
  for (uint64_t i = from; i < to; ++i) made.sum.add({.high = i, .low = i * i + more});
  return made;
}

TEST(Books, are_compared_where_both_have_a_border) {
  // There the oldest rows are one, since they were let go.
  const Comparison found = compare({row(0, 10), row(10, 20), row(20, 25)}, {row(0, 20), row(20, 25)});
  EXPECT_EQ(found.up_to, 25U);
  EXPECT_TRUE(found.differences.empty());
}

TEST(Books, that_differ_name_the_range) {
  const Comparison found = compare({row(0, 10), row(10, 20), row(20, 30)}, {row(0, 10), row(10, 20, 1), row(20, 30)});
  EXPECT_EQ(found.up_to, 30U);
  ASSERT_EQ(found.differences.size(), 1U);
  EXPECT_EQ(found.differences[0].from, 10U);
  EXPECT_EQ(found.differences[0].to, 20U);
}

TEST(Books, of_one_who_has_less_are_compared_as_far_as_it_has) {
  EXPECT_EQ(compare({row(0, 10), row(10, 20)}, {row(0, 10)}).up_to, 10U);
  EXPECT_EQ(compare({row(0, 10)}, {row(0, 10), row(10, 20)}).up_to, 10U);
  EXPECT_EQ(compare({row(0, 10)}, {}).up_to, 0U);
  EXPECT_EQ(compare({row(0, 10)}, {row(0, 12)}).up_to, 0U);
}

TEST(Books, end_where_it_is_asked_for_as_far_as_the_journal_is_there) {
  const auto read = [](uint64_t offset, size_t) -> Result<journal::ReadResult> {
    journal::ReadResult some{.first = offset, .records = {}};
    for (int i = 0; i < 7; ++i) {
      some.records.bytes += static_cast<char>('a' + i);
      some.records.ends.push_back(some.records.bytes.size());
    }
    return some;
  };
  const std::vector<store::Ledger> ledgers{{.from = 0, .to = 10}, {.from = 10, .to = 20}};
  const auto rows = book_rows(read, 10, ledgers, 15);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[1].to, 15U);
  EXPECT_EQ((*rows)[1].sum.count, 5U);
  EXPECT_EQ(book_rows(read, 10, ledgers, 5)->size(), 0U) << "the journal is trimmed there";
  EXPECT_EQ(book_rows(read, 10, ledgers, 20)->size(), 2U);
}

}  // namespace
}  // namespace waybill::ingest
