#include "journal/epochs.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"
#include "journal/journal.h"
#include "journal/parts.h"

namespace waybill::journal {
namespace {

const Epochs restored({{.number = 1, .begin = 0}, {.number = 50, .begin = 100}});

TEST(Epochs, tell_which_epoch_gave_an_offset) {
  EXPECT_EQ(restored.of(0), 1u);
  EXPECT_EQ(restored.of(99), 1u);
  EXPECT_EQ(restored.of(100), 50u);
  EXPECT_EQ(restored.newest(), 50u);
}

TEST(Epochs, a_position_that_a_restored_folder_lost_is_a_conflict_with_both_numbers) {
  EXPECT_TRUE(restored.check(1, 99));
  EXPECT_TRUE(restored.check(50, 100));
  const Result<void> lost = restored.check(1, 100);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::conflict);
  EXPECT_NE(lost.error().message.find("epoch 1, offset 100"), std::string::npos) << lost.error().message;
  EXPECT_NE(lost.error().message.find("ends at offset 100"), std::string::npos) << lost.error().message;
  EXPECT_NE(lost.error().message.find("epoch 50"), std::string::npos) << lost.error().message;
  EXPECT_EQ(restored.check(50, 99).error().code, Code::conflict);
  EXPECT_EQ(restored.check(2, 5).error().code, Code::not_found);
}

TEST(Epochs, a_watermark_may_stand_where_its_epoch_ends_and_not_behind) {
  EXPECT_TRUE(restored.check_watermark(1, 100));
  EXPECT_TRUE(restored.check_watermark(50, 100));
  EXPECT_TRUE(restored.check_watermark(50, 1'000'000));
  EXPECT_EQ(restored.check_watermark(1, 101).error().code, Code::conflict);
}

TEST(Epochs, are_read_as_they_were_written_and_damage_is_told) {
  const auto files = make_simulated_files();
  ASSERT_TRUE(files->make_folder("journal"));
  EXPECT_TRUE(read_epochs(*files, "journal")->empty());
  ASSERT_TRUE(write_epochs(*files, "journal", restored));
  EXPECT_EQ(*read_epochs(*files, "journal"), restored);
  for (const std::string text : {"", "waybill epochs 2\n1 0\n", "waybill epochs 1\n", "waybill epochs 1\n1 0",
                                 "waybill epochs 1\n1 5\n", "waybill epochs 1\n2 0\n2 5\n", "waybill epochs 1\n1 0 7\n",
                                 "waybill epochs 1\n1 0\n3 9\n4 8\n", "waybill epochs 1\n-1 0\n"}) {
    ASSERT_TRUE(write_file_atomically(*files, "journal/epochs", text));
    EXPECT_EQ(read_epochs(*files, "journal").error().code, Code::corrupt) << text;
  }
}

// A journal whose parts are copied elsewhere and go on there.
class Copied : public testing::Test {
 protected:
  void append(uint64_t from, uint64_t to) {
    Records records;
    for (uint64_t i = from; i < to; ++i) {
      records.bytes += "record " + std::to_string(i) + std::string(100, '.');
      records.ends.push_back(records.bytes.size());
    }
    ASSERT_TRUE(journal_->append(records));
    ASSERT_TRUE(journal_->commit());
  }
  void open(const std::string& folder) {
    journal_.reset();
    auto opened = open_journal({.folder = folder, .segment_bytes = 4096}, *files_, clock_, *metrics_);
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }
  void copy(const Parts& parts, const std::string& to) {
    ASSERT_TRUE(files_->make_folder(to));
    for (const SegmentPart& part : parts.segments) {
      const std::string content = *read_file(*files_, join_path("source", part.name));
      ASSERT_TRUE(write_file_atomically(*files_, join_path(to, part.name), content.substr(0, part.bytes)));
    }
  }

  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  ManualClock clock_{at_us(1'700'000'000'000'000)};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  std::unique_ptr<Journal> journal_;
};

TEST_F(Copied, it_goes_on_at_the_copys_end_under_the_new_epoch) {
  open("source");
  for (uint64_t i = 0; i < 100; i += 5) append(i, i + 5);
  const auto parts = parts_below(*files_, "source", journal_->durable_end());
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_GT(parts->segments.size(), 2u);
  append(100, 110);  // what the copy does not have
  copy(*parts, "copy");
  ASSERT_TRUE(begin_epoch(*files_, "copy", *parts, 9, clock_.now()));
  open("copy");
  EXPECT_EQ(journal_->durable_end(), 100u);
  append(100, 103);
  EXPECT_EQ(journal_->position(99), (Position{.epoch = 1, .partition = 0, .offset = 99}));
  EXPECT_EQ(journal_->position(100), (Position{.epoch = 9, .partition = 0, .offset = 100}));
  // A read stays within one epoch.
  const auto last_of_old = journal_->read(90, 1 << 20);
  ASSERT_TRUE(last_of_old) << last_of_old.error().message;
  EXPECT_EQ(last_of_old->records.size(), 10u);
  EXPECT_EQ(journal_->read(100, 1 << 20)->records.size(), 3u);
  open("copy");
  EXPECT_EQ(journal_->durable_end(), 103u);
  EXPECT_EQ(journal_->epochs(), (Epochs({{.number = 1, .begin = 0}, {.number = 9, .begin = 100}})));
  const auto reader = open_journal_reader("copy", *files_);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ((*reader)->end(), 103u);
}

TEST_F(Copied, an_earlier_copy_of_a_segment_is_the_beginning_of_a_later_one) {
  open("source");
  append(0, 3);
  const auto early = parts_below(*files_, "source", 3);
  append(3, 8);
  const auto late = parts_below(*files_, "source", 8);
  ASSERT_TRUE(early && late);
  ASSERT_EQ(early->segments.size(), 1u);
  ASSERT_EQ(late->segments.size(), 1u);
  EXPECT_EQ(early->segments[0].salt, late->segments[0].salt);
  EXPECT_LT(early->segments[0].bytes, late->segments[0].bytes);
}

TEST_F(Copied, an_empty_journal_goes_on_at_0) {
  open("source");
  const auto parts = parts_below(*files_, "source", 0);
  ASSERT_TRUE(parts);
  EXPECT_TRUE(parts->segments.empty());
  ASSERT_TRUE(begin_epoch(*files_, "copy", *parts, 9, clock_.now()));
  open("copy");
  append(0, 1);
  EXPECT_EQ(journal_->position(0).epoch, 9u);
}

TEST_F(Copied, damage_below_the_end_is_told) {
  open("source");
  append(0, 3);
  files_->flip_bit("source/00000000000000000000.log", 150, 0);
  EXPECT_EQ(parts_below(*files_, "source", 3).error().code, Code::corrupt);
}

TEST_F(Copied, segments_that_are_gone_are_not_taken_for_a_new_folder) {
  open("source");
  append(0, 3);
  const auto parts = parts_below(*files_, "source", 3);
  ASSERT_TRUE(begin_epoch(*files_, "copy", *parts, 9, clock_.now()));
  ASSERT_TRUE(files_->remove("copy/00000000000000000003.log"));
  const auto opened = open_journal({.folder = "copy"}, *files_, clock_, *metrics_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt);
}

}  // namespace
}  // namespace waybill::journal
