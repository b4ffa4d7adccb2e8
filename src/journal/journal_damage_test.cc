// Bytes that are not what was written: torn tails are cut, everything else is told and never skipped.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <thread>

#include "base/hash.h"
#include "journal/frame.h"
#include "journal/journal_probe.h"
#include "journal/segment.h"

namespace waybill::journal {
namespace {

using Texts = std::vector<std::string>;

std::string text_of(uint64_t number) { return "record <" + std::to_string(number) + ">" + std::string(60, '.'); }

// Ten records a group, each group synced before the next.
void fill(Probe& probe, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; i += 10) {
    Texts texts;
    for (uint64_t k = i; k < i + 10; ++k) texts.push_back(text_of(k));
    probe.keep(texts);
  }
}

uint64_t place_of(Probe& probe, const std::string& path, std::string_view text) {
  const std::string bytes = read_file(probe.files(), path).value();
  const size_t place = bytes.find(text);
  EXPECT_NE(place, std::string::npos) << text;
  return place;
}

bool says(const Error& error, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts)
    if (error.message.find(part) == std::string::npos) return false;
  return true;
}

TEST(JournalDamage, in_the_middle_of_the_last_segment_refuses_to_open_and_names_the_place_and_changes_nothing) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 100);
  probe.close();
  const std::string path = probe.segment_path(0);
  const uint64_t frame = place_of(probe, path, "record <30>") - 1 - frame_header_bytes;
  probe.files().flip_bit(path, place_of(probe, path, "record <34>") + 3, 2);
  const std::string before = read_file(probe.files(), path).value();

  const auto opened = probe.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt);
  EXPECT_TRUE(says(opened.error(), {segment_name(0), "byte " + std::to_string(frame), "offsets 30 to 39"}))
      << opened.error().message;
  EXPECT_EQ(read_file(probe.files(), path).value(), before);
  const auto reader = open_journal_reader("data/journal", probe.files());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Code::corrupt);
}

TEST(JournalDamage, of_a_file_that_was_cut_off_before_its_first_record_refuses_to_open) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  probe.close();
  const std::string path = probe.segment_path(0);
  const std::string whole = read_file(probe.files(), path).value();
  for (const size_t bytes : {segment_header_bytes, segment_header_bytes + 5, whole.size() / 1000}) {
    ASSERT_TRUE(write_file_atomically(probe.files(), path, whole.substr(0, bytes)));
    const auto opened = probe.open();
    ASSERT_FALSE(opened) << bytes;
    EXPECT_EQ(opened.error().code, Code::corrupt);
    EXPECT_TRUE(says(opened.error(), {segment_name(0), "only " + std::to_string(bytes) + " bytes"}))
        << opened.error().message;
  }
  ASSERT_TRUE(write_file_atomically(probe.files(), path, whole));
  ASSERT_TRUE(probe.open());
}

TEST(JournalDamage, of_any_byte_before_the_last_group_refuses_to_open) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 30);
  probe.close();
  const std::string path = probe.segment_path(0);
  const uint64_t last_group = place_of(probe, path, "record <20>") - 1 - frame_header_bytes;
  for (uint64_t byte = 0; byte < last_group; ++byte) {
    SCOPED_TRACE(byte);
    const int bit = static_cast<int>(byte % 8);
    probe.files().flip_bit(path, byte, bit);
    const auto opened = probe.open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::corrupt) << opened.error().message;
    probe.files().flip_bit(path, byte, bit);
  }
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.journal().durable_end(), 30u);
}

TEST(JournalDamage, of_a_page_that_became_zeros_is_seen_though_it_looks_like_the_end) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 100);
  probe.close();
  const std::string path = probe.segment_path(0);
  const uint64_t frame = place_of(probe, path, "record <30>") - 1 - frame_header_bytes;
  auto file = probe.files().open(path, OpenMode::read_write).value();
  const std::string zeros(512, '\0');
  ASSERT_TRUE(file->write_at(frame, as_bytes(zeros)));
  const auto opened = probe.open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(says(opened.error(), {"byte " + std::to_string(frame), "offsets 30 to 39"})) << opened.error().message;
}

TEST(JournalDamage, of_the_group_that_was_written_last_is_taken_for_a_torn_tail_and_cut) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 50);
  probe.close();
  const std::string path = probe.segment_path(0);
  probe.files().flip_bit(path, place_of(probe, path, "record <44>"), 0);
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.journal().durable_end(), 40u);
  EXPECT_EQ(read_file(probe.files(), path).value().find("record <40>"), std::string::npos) << "zeros from there on";
  fill(probe, 40, 60);
  probe.close();
  ASSERT_TRUE(probe.open());
  EXPECT_EQ(probe.all().size(), 60u);
}

TEST(JournalDamage, in_an_older_segment_is_told_when_it_is_read_and_never_skipped) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 500);
  ASSERT_GT(probe.segments(), 3u);
  const uint64_t second = probe.journal().status().segments[1].first;
  probe.close();
  const std::string path = probe.segment_path(1);
  const uint64_t damaged = (second / 10 + 2) * 10;
  const std::string victim = "record <" + std::to_string(damaged + 5) + ">";
  probe.files().flip_bit(path, place_of(probe, path, victim), 1);

  ASSERT_TRUE(probe.open());
  for (const bool by_reader : {false, true}) {
    const auto reader = open_journal_reader("data/journal", probe.files());
    ASSERT_TRUE(reader) << message(reader);
    const auto read = [&](uint64_t offset) {
      return by_reader ? (*reader)->read(offset, 1 << 20) : probe.journal().read(offset, 1 << 20);
    };
    const auto before = read(0);
    ASSERT_TRUE(before) << message(before);
    EXPECT_EQ(before->records.size(), damaged) << "what stands before it is given";
    for (uint64_t offset = damaged; offset < damaged + 10; ++offset) {
      const auto at = read(offset);
      ASSERT_FALSE(at);
      EXPECT_EQ(at.error().code, Code::corrupt);
      EXPECT_TRUE(says(at.error(), {segment_name(second),
                                    "offsets " + std::to_string(damaged) + " to " + std::to_string(damaged + 9)}))
          << at.error().message;
    }
    const auto behind = read(damaged + 10);
    ASSERT_TRUE(behind) << message(behind);
    EXPECT_EQ(behind->first + behind->records.size(), 500u);
    EXPECT_EQ(texts_of(behind->records).front(), text_of(damaged + 10));
  }
}

TEST(JournalDamage, of_any_byte_of_an_older_segment_is_never_read_as_something_else) {
  Probe probe({.segment_bytes = 4096});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 200);
  ASSERT_GT(probe.segments(), 2u);
  probe.close();
  const std::string path = probe.segment_path(0);
  const uint64_t end = read_file(probe.files(), path).value().find_last_not_of('\0') + 1;
  for (uint64_t byte = segment_header_bytes; byte < end; byte += 3) {
    SCOPED_TRACE(byte);
    const int bit = static_cast<int>(byte % 8);
    probe.files().flip_bit(path, byte, bit);
    const auto reader = open_journal_reader("data/journal", probe.files());
    ASSERT_TRUE(reader) << message(reader);
    const auto texts = read_all(**reader, 0, 200, 500);
    ASSERT_FALSE(texts);
    EXPECT_EQ(texts.error().code, Code::corrupt) << texts.error().message;
    probe.files().flip_bit(path, byte, bit);
  }
}

TEST(JournalDamage, of_an_older_segments_end_is_seen_though_nothing_stands_behind_it) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 300);
  const uint64_t second = probe.journal().status().segments[1].first;
  probe.close();
  const std::string path = probe.segment_path(0);
  const uint64_t frame = place_of(probe, path, "record <" + std::to_string(second - 10) + ">") - 1 - frame_header_bytes;
  auto file = probe.files().open(path, OpenMode::read_write).value();
  ASSERT_TRUE(file->truncate(frame));
  ASSERT_TRUE(probe.open());
  const auto read = probe.journal().read(second - 10, 100);
  ASSERT_FALSE(read);
  EXPECT_TRUE(says(read.error(), {"offsets " + std::to_string(second - 10) + " to " + std::to_string(second - 1)}))
      << read.error().message;
  EXPECT_TRUE(probe.journal().read(second, 100));
}

TEST(JournalDamage, of_a_segment_that_is_missing_is_told) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 500);
  const auto segments = probe.journal().status().segments;
  ASSERT_GT(segments.size(), 3u);
  probe.close();
  ASSERT_TRUE(probe.files().remove(probe.segment_path(1)));
  ASSERT_TRUE(probe.open());
  const auto texts = read_all(probe.journal(), 0, 500, 1000);
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error().code, Code::corrupt);
}

TEST(JournalDamage, of_a_segments_header_refuses_to_open) {
  Probe probe({.segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 300);
  probe.close();
  for (size_t index = 0; index < probe.segments(); ++index) {
    const std::string path = probe.segment_path(index);
    for (uint64_t byte = 0; byte < segment_header_bytes; ++byte) {
      probe.files().flip_bit(path, byte, 5);
      const auto opened = probe.open();
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, Code::corrupt);
      EXPECT_TRUE(says(opened.error(), {path})) << opened.error().message;
      EXPECT_EQ(open_journal_reader("data/journal", probe.files()).error().code, Code::corrupt);
      probe.files().flip_bit(path, byte, 5);
    }
  }
  EXPECT_TRUE(probe.open());
}

TEST(JournalDamage, of_two_journals_in_one_folder_refuses_to_open) {
  Probe probe({.epoch = 1, .segment_bytes = 8192});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 10);
  probe.close();
  auto file = probe.files().open("data/journal/" + segment_name(10), OpenMode::create).value();
  const auto header = encode_segment_header({.epoch = 2, .first = 10});
  ASSERT_TRUE(file->write_at(0, header));
  const auto opened = probe.open();
  ASSERT_FALSE(opened);
  EXPECT_TRUE(says(opened.error(), {"epoch 2", "epoch 1"})) << opened.error().message;
}

TEST(JournalDamage, a_segment_of_a_newer_program_is_refused_with_the_way_out) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 10);
  probe.close();
  const std::string path = probe.segment_path(0);
  auto file = probe.files().open(path, OpenMode::read_write).value();
  std::array<std::byte, segment_header_bytes> header{};
  ASSERT_TRUE(file->read_at(0, header));
  header[8] = std::byte{2};
  const uint32_t crc = crc32c(Bytes(header).first(60));
  std::memcpy(header.data() + 60, &crc, sizeof crc);
  ASSERT_TRUE(file->write_at(0, header));
  const auto opened = probe.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid);
  EXPECT_TRUE(says(opened.error(), {path, "version 2", "version 1", "start the program that wrote it"}))
      << opened.error().message;
}

TEST(JournalDamage, a_record_that_holds_a_copy_of_another_journal_misleads_nobody) {
  Probe other({});
  ASSERT_TRUE(other.open());
  fill(other, 0, 300);
  const std::string copy = read_file(other.files(), other.segment_path(0)).value().substr(0, 20'000);

  Probe probe({});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 100);
  // Not where the next segment is made beside it, before the record is written.
  probe.files().before_sync([&, commits = std::this_thread::get_id()](const std::string&) {
    if (std::this_thread::get_id() == commits) probe.files().stop();
  });
  probe.append({copy});
  EXPECT_FALSE(probe.journal().commit());
  probe.crash(1, Unsynced::kept);
  probe.files().before_sync({});
  // Torn: its own frame is not whole, and those inside are, with offsets and places that would fit.
  const std::string path = probe.segment_path(0);
  const size_t inner = read_file(probe.files(), path).value().find("WAYBILLJ", 8);
  ASSERT_NE(inner, std::string::npos);
  probe.files().flip_bit(path, inner, 0);
  const auto opened = probe.open();
  ASSERT_TRUE(opened) << message(opened);
  EXPECT_EQ(probe.journal().durable_end(), 100u);
}

TEST(JournalReader, sees_what_is_there_and_changes_nothing) {
  Probe probe({.epoch = 4, .partition = 5, .segment_bytes = 8192});
  EXPECT_EQ(open_journal_reader("data/journal", probe.files()).error().code, Code::not_found);
  ASSERT_TRUE(probe.open());
  const auto reader = open_journal_reader("data/journal", probe.files());
  ASSERT_TRUE(reader) << message(reader);
  EXPECT_EQ((*reader)->end(), 0u);
  EXPECT_EQ((*reader)->epochs().newest(), 4u);
  EXPECT_EQ((*reader)->partition(), 5u);
  fill(probe, 0, 300);
  EXPECT_EQ((*reader)->end(), 0u);
  ASSERT_TRUE((*reader)->refresh());
  EXPECT_EQ((*reader)->end(), 300u);
  EXPECT_EQ(read_all(**reader, 0, 300, 500).value(), probe.all());
  ASSERT_TRUE(probe.journal().trim(200));
  fill(probe, 300, 400);
  ASSERT_TRUE((*reader)->refresh());
  EXPECT_EQ((*reader)->begin(), probe.journal().begin());
  EXPECT_GT((*reader)->begin(), 100u);
  EXPECT_EQ((*reader)->end(), 400u);
  EXPECT_EQ((*reader)->read(0, 100).error().code, Code::not_found);
  EXPECT_EQ(texts_of((*reader)->read(399, 100).value().records), Texts{text_of(399)});
}

TEST(JournalReader, reads_a_torn_tail_up_to_its_last_whole_record) {
  Probe probe({});
  ASSERT_TRUE(probe.open());
  fill(probe, 0, 50);
  probe.close();
  const std::string path = probe.segment_path(0);
  probe.files().flip_bit(path, place_of(probe, path, "record <44>"), 0);
  const std::string before = read_file(probe.files(), path).value();
  const auto reader = open_journal_reader("data/journal", probe.files());
  ASSERT_TRUE(reader) << message(reader);
  EXPECT_EQ((*reader)->end(), 40u);
  EXPECT_EQ(read_file(probe.files(), path).value(), before);
}

}  // namespace
}  // namespace waybill::journal
