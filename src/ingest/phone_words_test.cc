#include "ingest/phone_words.h"

#include <gtest/gtest.h>

namespace waybill::ingest {
namespace {

const Time noon = at_us(1'768'478'400'000'000);

TEST(PhoneWords, a_phones_newest_word_counts_and_only_what_it_said_since) {
  PhoneWords words;
  words.say("7", "power_save", noon);
  EXPECT_EQ(words.since("7", noon), "power_save");
  EXPECT_EQ(words.since("7", noon + std::chrono::seconds(1)), "");
  EXPECT_EQ(words.since("8", noon), "");
  words.say("7", "connection_lost", noon + std::chrono::minutes(1));
  EXPECT_EQ(words.since("7", noon), "connection_lost");
  words.say("7", "", noon + std::chrono::minutes(2));
  EXPECT_EQ(words.since("7", noon), "");
}

TEST(PhoneWords, the_phone_that_said_nothing_for_longest_is_forgotten_first) {
  PhoneWords words;
  for (size_t i = 0; i < PhoneWords::words_max; ++i) words.say(std::to_string(i), "hibernation", noon);
  words.say("0", "hibernation", noon);
  words.say("another", "hibernation", noon);
  EXPECT_EQ(words.since("0", noon), "hibernation");
  EXPECT_EQ(words.since("1", noon), "");
  EXPECT_EQ(words.since("2", noon), "hibernation");
  EXPECT_EQ(words.since("another", noon), "hibernation");
}

}  // namespace
}  // namespace waybill::ingest
