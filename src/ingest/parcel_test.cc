#include "ingest/parcel.h"

#include <gtest/gtest.h>

namespace waybill::ingest {
namespace {

Parcel some_parcel() {
  return {.journal = 0x1122334455667788,
          .first = {.epoch = 1'700'000'000, .partition = 3, .offset = 1'000'000'007},
          .records = {.bytes = "onetwo", .ends = {3, 3, 6}}};
}

TEST(Parcel, comes_out_as_it_went_in) {
  const Parcel parcel = some_parcel();
  const auto back = decode_parcel(as_bytes(encode(parcel)));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->journal, parcel.journal);
  EXPECT_EQ(back->first, parcel.first);
  EXPECT_EQ(back->records.bytes, parcel.records.bytes);
  EXPECT_EQ(back->records.ends, parcel.records.ends);
  EXPECT_EQ(back->end(), 1'000'000'010U);
}

TEST(Parcel, no_byte_of_it_can_change_unnoticed) {
  const std::string whole = encode(some_parcel());
  for (size_t i = 0; i < whole.size(); ++i)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ (1U << bit));
      EXPECT_EQ(decode_parcel(as_bytes(damaged)).error().code, Code::corrupt) << i;
    }
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_FALSE(decode_parcel(as_bytes(whole.substr(0, i))));
  EXPECT_FALSE(decode_parcel(as_bytes(whole + '\0')));
}

TEST(Parcel, is_as_the_documents_say) {
  const Parcel parcel{
      .journal = 9, .first = {.epoch = 1, .partition = 0, .offset = 300}, .records = {.bytes = "ab", .ends = {2}}};
  EXPECT_EQ(encode(parcel).substr(0, 20), std::string("WBP1\x09\0\0\0\0\0\0\0\x01\0\xAC\x02\x01\x02"
                                                      "ab",
                                                      20));
}

TEST(Receipt, comes_out_as_it_went_in) {
  const Receipt receipt{
      .journal = 5, .follower = "reads-1", .below = {.epoch = 2, .partition = 1, .offset = 77}, .missing = true};
  const auto back = decode_receipt(as_bytes(encode(receipt)));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, receipt);
  EXPECT_FALSE(decode_receipt(as_bytes(encode(some_parcel()))));
  EXPECT_FALSE(decode_parcel(as_bytes(encode(receipt))));
}

TEST(Opening, comes_out_as_it_went_in) {
  const Opening opening{.journal = 0x1122334455667788, .next = {.epoch = 2, .partition = 0, .offset = 300}};
  const auto back = decode_opening(as_bytes(encode(opening)));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, opening);
  EXPECT_FALSE(decode_offer(as_bytes(encode(opening))));
}

TEST(Offer, comes_out_as_it_went_in) {
  const Offer offer{.door = 7, .number = 300, .records = {.bytes = "onetwo", .ends = {3, 3, 6}}};
  const auto back = decode_offer(as_bytes(encode(offer)));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->door, offer.door);
  EXPECT_EQ(back->number, offer.number);
  EXPECT_EQ(back->records.bytes, offer.records.bytes);
  EXPECT_EQ(back->records.ends, offer.records.ends);
  EXPECT_FALSE(decode_offer(as_bytes(encode(Offer{.door = 7}))));
  EXPECT_EQ(encode(offer).substr(0, 18), std::string("WBO1\x07\0\0\0\0\0\0\0\xAC\x02\x03\x03on", 18));
}

TEST(Receipt, names_are_letters_digits_and_dashes) {
  EXPECT_TRUE(is_follower_name("reads-1_b"));
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a/b"), std::string(65, 'a')})
    EXPECT_FALSE(is_follower_name(name)) << name;
}

}  // namespace
}  // namespace waybill::ingest
