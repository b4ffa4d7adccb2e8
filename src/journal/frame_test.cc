#include "journal/frame.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "journal/journal_probe.h"
#include "journal/segment.h"

namespace waybill::journal {
namespace {

constexpr uint32_t salt = 0xabcdef01;

std::string frame_of(const std::vector<std::string>& texts, uint64_t first, uint64_t synced = 64) {
  Cut cut{.begin = 0, .end = texts.size(), .payload_bytes = 0};
  for (const std::string& text : texts) cut.payload_bytes += encoded_bytes(text.size());
  std::string out;
  encode_frame(records_of(texts), cut, first, synced, salt, out);
  return out;
}

TEST(Frame, gives_back_the_records_that_went_in) {
  const std::vector<std::string> texts{"a", "", std::string(127, 'x'), std::string(128, 'y'), std::string(20'000, 'z')};
  const std::string bytes = frame_of(texts, 41, 640);
  const Decoded decoded = decode_frame(as_bytes(bytes), salt);
  ASSERT_EQ(decoded.state, FrameState::whole);
  EXPECT_EQ(decoded.frame.first, 41u);
  EXPECT_EQ(decoded.frame.count, 5u);
  EXPECT_EQ(decoded.frame.synced, 640u);
  EXPECT_EQ(decoded.frame.bytes(), bytes.size());
  Records records;
  EXPECT_EQ(take_records(decoded.frame, 0, 100, 1 << 20, records), Taken::all);
  EXPECT_EQ(texts_of(records), texts);
}

TEST(Frame, is_laid_out_as_the_format_says) {
  const std::string bytes = frame_of({"hi"}, 7, 64);
  ASSERT_EQ(bytes.size(), 35u);
  EXPECT_EQ(bytes.substr(0, 12), std::string("WRF1\x03\0\0\0\x01\0\0\0", 12));
  EXPECT_EQ(bytes.substr(16, 16), std::string("\x07\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(bytes.substr(32), "\x02hi");
}

TEST(Frame, is_not_whole_with_any_bit_flipped_or_any_byte_missing) {
  const std::string bytes = frame_of({"abc", "defg"}, 3);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(decode_frame(as_bytes(flipped), salt).state, FrameState::whole) << bit;
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(decode_frame(as_bytes(bytes).first(size), salt).state, FrameState::whole) << size;
}

TEST(Frame, of_another_segment_is_none) {
  EXPECT_NE(decode_frame(as_bytes(frame_of({"abc"}, 3)), salt + 1).state, FrameState::whole);
}

TEST(Frame, says_how_many_bytes_it_needs) {
  const std::string bytes = frame_of({std::string(100, 'x')}, 0);
  const Decoded decoded = decode_frame(as_bytes(bytes).first(40), salt);
  EXPECT_EQ(decoded.state, FrameState::cut);
  EXPECT_EQ(decoded.needed, bytes.size());
}

TEST(Frame, gives_records_from_an_offset_in_the_middle_within_the_bytes_wanted) {
  const std::string bytes = frame_of({"aa", "bb", "cc", "dd", "ee"}, 10);
  const Frame frame = decode_frame(as_bytes(bytes), salt).frame;
  Records records;
  EXPECT_EQ(take_records(frame, 11, 15, 4, records), Taken::some);
  EXPECT_EQ(texts_of(records), (std::vector<std::string>{"bb", "cc"}));
  records.clear();
  EXPECT_EQ(take_records(frame, 13, 15, 1, records), Taken::some);
  EXPECT_EQ(texts_of(records), (std::vector<std::string>{"dd"})) << "one at least";
  records.clear();
  EXPECT_EQ(take_records(frame, 12, 14, 100, records), Taken::all);
  EXPECT_EQ(texts_of(records), (std::vector<std::string>{"cc", "dd"}));
}

TEST(SegmentHeader, gives_back_what_went_in_and_nothing_with_a_bit_flipped) {
  const SegmentHeader header{.epoch = 3, .partition = 4, .salt = 5, .first = 1ull << 40, .begun = at_us(-7)};
  const auto bytes = encode_segment_header(header);
  EXPECT_EQ(decode_segment_header(bytes, "s").value(), header);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(decode_segment_header(flipped, "s").error().code, Code::corrupt) << bit;
  }
}

TEST(SegmentHeader, names_sort_as_the_offsets_do) {
  EXPECT_EQ(segment_name(42), "00000000000000000042.log");
  EXPECT_EQ(parse_segment_name(segment_name(UINT64_MAX)), UINT64_MAX);
  for (const char* other : {"42.log", "0000000000000000004x.log", "00000000000000000042.tmp",
                            "99999999999999999999.log", "-0000000000000000042.log", "+0000000000000000042.log"})
    EXPECT_FALSE(parse_segment_name(other)) << other;
}

}  // namespace
}  // namespace waybill::journal
