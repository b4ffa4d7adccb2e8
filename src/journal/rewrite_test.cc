#include <gtest/gtest.h>

#include "journal/journal_probe.h"

namespace waybill::journal {
namespace {

using Texts = std::vector<std::string>;

JournalOptions small_segments() { return {.folder = {}, .segment_bytes = 4096}; }

// Many segments: each text says which it is.
Texts filled(Probe& probe, size_t count) {
  Texts texts;
  for (size_t i = 0; i < count; ++i) {
    texts.push_back("record " + std::to_string(i) + std::string(200, 'x'));
    probe.keep({texts.back()});
  }
  return texts;
}

// Every third record of a segment becomes short; what is expected then stands in `texts`.
std::vector<Replacement> thirds(Texts& texts, uint64_t first, uint64_t end) {
  std::vector<Replacement> replacements;
  for (uint64_t offset = first; offset < end; ++offset)
    if (offset % 3 == 0) replacements.push_back({.offset = offset, .record = texts[offset] = "gone"});
  return replacements;
}

Result<void> rewrite_all(Journal& journal, Texts& texts) {
  const auto segments = journal.status().segments;
  for (size_t i = 0; i + 1 < segments.size(); ++i)
    TRY(journal.rewrite(segments[i].first, thirds(texts, segments[i].first, segments[i + 1].first)));
  return {};
}

TEST(JournalRewrite, after_a_roll_everything_before_it_is_in_segments_that_stay_as_they_are) {
  Probe probe(small_segments());
  ASSERT_TRUE(probe.open());
  probe.append({"one", "two"});
  const auto end = probe.journal().roll();
  ASSERT_TRUE(end) << message(end);
  EXPECT_EQ(*end, 2u);
  EXPECT_EQ(probe.journal().durable_end(), 2u);
  EXPECT_EQ(probe.segments(), 2u);
  EXPECT_EQ(probe.journal().roll().value(), 2u);  // nothing is written since
  EXPECT_EQ(probe.segments(), 2u);
  probe.keep({"three"});
  EXPECT_EQ(probe.all(), (Texts{"one", "two", "three"}));
  probe.crash(1);
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all(), (Texts{"one", "two", "three"}));
}

TEST(JournalRewrite, an_empty_last_segment_is_written_to_after_a_crash) {
  Probe probe(small_segments());
  ASSERT_TRUE(probe.open());
  probe.keep({"one"});
  ASSERT_TRUE(probe.journal().roll());
  probe.crash(1);
  ASSERT_TRUE(probe.open());
  probe.keep({"two"});
  EXPECT_EQ(probe.all(), (Texts{"one", "two"}));
  EXPECT_EQ(probe.journal().status().segments.size(), 2u);
}

TEST(JournalRewrite, replaced_records_stand_at_their_offsets_now_and_when_it_is_opened_again) {
  Probe probe(small_segments());
  ASSERT_TRUE(probe.open());
  Texts texts = filled(probe, 100);
  const auto reader = open_journal_reader(probe.options().folder, probe.files());
  ASSERT_TRUE(reader) << message(reader);
  EXPECT_EQ(probe.all(), texts);  // marks and open files of before
  ASSERT_TRUE(probe.journal().roll());
  const auto disk_bytes = probe.journal().status().disk_bytes;
  ASSERT_TRUE(rewrite_all(probe.journal(), texts));
  EXPECT_LT(probe.journal().status().disk_bytes, disk_bytes);
  EXPECT_EQ(probe.all(), texts);
  EXPECT_EQ(probe.all(700), texts);
  // Who looked at the folder before finds them, or says what they were; never damage.
  const auto read = read_all(**reader, 0, (*reader)->end(), 700);
  ASSERT_TRUE(read) << message(read);
  EXPECT_EQ(read->size(), texts.size());
  probe.keep({"behind"});
  texts.push_back("behind");
  probe.crash(1);
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all(), texts);
  for (const std::string& path : probe.segment_paths()) {
    const std::string bytes = read_file(probe.files(), path).value();
    EXPECT_EQ(bytes.find("record 33"), std::string::npos);
  }
}

TEST(JournalRewrite, a_record_may_be_longer_than_what_it_replaces_even_in_a_full_frame) {
  Probe probe({.folder = {}, .segment_bytes = 8 << 20});
  ASSERT_TRUE(probe.open());
  const std::string half((1 << 19) - 10, 'a');
  probe.keep({half, half, "end"});
  ASSERT_TRUE(probe.journal().roll());
  const std::string longer(half.size() + 5000, 'b');
  const std::vector<Replacement> replacements{{.offset = 0, .record = longer}};
  ASSERT_TRUE(probe.journal().rewrite(0, replacements));
  EXPECT_EQ(probe.all(), (Texts{longer, half, "end"}));
}

TEST(JournalRewrite, the_segment_that_is_written_to_is_left_alone) {
  Probe probe(small_segments());
  ASSERT_TRUE(probe.open());
  probe.keep({"one"});
  EXPECT_EQ(probe.journal().rewrite(0, {}).error().code, Code::not_found);
  EXPECT_EQ(probe.journal().rewrite(77, {}).error().code, Code::not_found);
}

TEST(JournalRewrite, whatever_operation_fails_each_segment_is_as_it_was_or_done_and_it_can_be_done_again) {
  constexpr uint64_t n_max = 300;
  uint64_t n = 1;
  for (; n < n_max; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    Probe probe(small_segments(), n);
    ASSERT_TRUE(probe.open());
    const Texts before = filled(probe, 60);
    ASSERT_TRUE(probe.journal().roll());
    Texts after = before;
    probe.files().fail_at(n, Code::unavailable, Failing::from_then_on);
    const bool done = rewrite_all(probe.journal(), after).has_value();
    const bool failed = probe.files().has_failed();
    probe.crash(n, n % 2 == 0 ? Unsynced::dropped : Unsynced::by_seed);
    ASSERT_TRUE(probe.open());
    Texts expected = before;
    ASSERT_EQ(probe.all().size(), before.size());
    for (size_t i = 0; i < before.size(); ++i) {
      const std::string found = probe.all()[i];
      ASSERT_TRUE(found == before[i] || (i % 3 == 0 && found == "gone")) << i;
      if (done) {
        ASSERT_EQ(found, after[i]) << i;
      }
    }
    ASSERT_TRUE(rewrite_all(probe.journal(), expected));
    ASSERT_EQ(probe.all(), expected);
    if (!failed) break;
  }
  EXPECT_GT(n, 20u);
  EXPECT_LT(n, n_max);
}

}  // namespace
}  // namespace waybill::journal
