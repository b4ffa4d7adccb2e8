#include "wire/record.h"

#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "wire/bytes.h"
#include "wire/samples.h"

namespace waybill::wire {
namespace {

Erasure sample_erasure(Random& random) {
  return {.kind = random.chance(0.5) ? Erasure::Kind::deliverer : Erasure::Kind::order,
          .name = {.high = random.next(), .low = random.next()},
          .at = sample_time(random),
          .by = sample_text(random, 40)};
}

Remains sample_remains(Random& random) {
  Remains remains;
  if (random.chance(0.5)) remains.carry = {.high = random.next(), .low = random.next()};
  if (random.chance(0.5)) encode_record(Record(sample_command(random)), remains.rest);
  return remains;
}

Record sample_record(Random& random) {
  switch (random.below(10)) {
    case 4: return sample_erasure(random);
    case 5: return sample_remains(random);
    case 0: return sample_command(random);
    case 1: return sample_quarantined(random);
    case 2: return sample_grant(random);
    case 3: return sample_hook(random);
    default: return sample_location(random);
  }
}

std::string encoded(const Record& record) {
  std::string bytes;
  encode_record(record, bytes);
  return bytes;
}

Location plain_location() {
  Location location;
  location.order = OrderId("17", true);
  location.deliverer = DelivererId("4", true);
  location.state = DeliveryState::on_the_way;
  location.fix_time = at_us(1'700'000'000'000'000);
  location.received_at = at_us(1'700'000'001'000'000);
  location.latitude = 41.1579;
  location.longitude = -8.6291;
  return location;
}

// `integer` is not part of an id's equality, so it is compared by itself.
std::string integers_of(const Record& record) {
  std::string integers;
  const auto add = [&](const auto& id) {
    if (id) integers += id->integer ? 'i' : 't';
  };
  if (const auto* location = std::get_if<Location>(&record)) {
    add(location->order);
    add(location->deliverer);
  } else if (const auto* command = std::get_if<OrderCommand>(&record)) {
    add(&command->order);
    add(command->deliverer);
    if (command->assignments)
      for (const Assignment& assignment : *command->assignments) add(&assignment.deliverer);
  }
  return integers;
}

TEST(Record, comes_back_equal_whatever_it_holds) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 20'000; ++i) {
    Record record = sample_record(random);
    if (auto* location = std::get_if<Location>(&record); location != nullptr && random.chance(0.1)) {
      location->fix_time = at_us(static_cast<int64_t>(random.next()));
      location->received_at = random.chance(0.5) ? Time::min() : Time::max();
      location->sent_at = random.chance(0.5) ? Time::min() : Time::max();
    }
    const std::string bytes = encoded(record);
    const Result<Record> back = decode_record(as_bytes(bytes));
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, record);
    ASSERT_EQ(integers_of(*back), integers_of(record));
    ASSERT_EQ(encoded(*back), bytes);
  }
}

TEST(Record, a_plain_location_is_laid_out_as_documented) {
  const std::string bytes = encoded(plain_location());
  EXPECT_EQ(bytes[0], 1);
  Taker taker(as_bytes(bytes).subspan(1));
  // Both ids, both integers, state 2, three digits.
  EXPECT_EQ(taker.varint(), 0b00'1111u | 2u << 4 | 3u << 6);
  EXPECT_EQ(taker.text(), "17");
  EXPECT_EQ(taker.text(), "4");
  EXPECT_EQ(taker.fixed64(), 1'700'000'000'000'000u);
  EXPECT_EQ(taker.signed_varint(), 1'000'000);
  EXPECT_EQ(taker.number(), 41.1579);
  EXPECT_EQ(taker.number(), -8.6291);
  EXPECT_TRUE(taker.done());
}

TEST(Record, cut_anywhere_or_longer_it_is_corrupt) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 300; ++i) {
    const std::string bytes = encoded(sample_record(random));
    for (size_t size = 0; size < bytes.size(); ++size) {
      // A copy of exactly that size, so that a read behind it is seen.
      const std::vector<std::byte> cut(as_bytes(bytes).begin(), as_bytes(bytes).begin() + static_cast<ptrdiff_t>(size));
      const Result<Record> back = decode_record(cut);
      ASSERT_FALSE(back) << "cut to " << size << " of " << bytes.size();
      ASSERT_EQ(back.error().code, Code::corrupt);
    }
    ASSERT_FALSE(decode_record(as_bytes(bytes + '\0')));
  }
}

TEST(Record, random_and_flipped_bytes_give_corrupt_or_a_record_that_can_be_written_again) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    if (random.chance(0.5)) {
      bytes = encoded(sample_record(random));
      bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
    } else {
      for (uint64_t left = random.below(80); left > 0; --left) bytes.push_back(static_cast<char>(random.next()));
      if (!bytes.empty()) bytes[0] = static_cast<char>(random.below(5));
    }
    const std::vector<std::byte> exact(as_bytes(bytes).begin(), as_bytes(bytes).end());
    const Result<Record> back = decode_record(exact);
    if (!back) {
      ASSERT_EQ(back.error().code, Code::corrupt);
      continue;
    }
    const Result<Record> again = decode_record(as_bytes(encoded(*back)));
    ASSERT_TRUE(again);
    ASSERT_EQ(*again, *back);
  }
}

TEST(Record, values_that_no_record_may_hold_are_corrupt) {
  Location nobody = plain_location();
  nobody.order.reset();
  nobody.deliverer.reset();
  EXPECT_FALSE(decode_record(as_bytes(encoded(nobody))));
  Location unnamed = plain_location();
  unnamed.order = OrderId("");
  EXPECT_FALSE(decode_record(as_bytes(encoded(unnamed))));
  Location zero_in_name = plain_location();
  zero_in_name.order = OrderId(std::string("a\0b", 3));
  EXPECT_FALSE(decode_record(as_bytes(encoded(zero_in_name))));
  Location nowhere = plain_location();
  nowhere.latitude = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(decode_record(as_bytes(encoded(nowhere))));
}

TEST(Record, a_count_that_is_not_true_allocates_nothing_for_it) {
  OrderCommand command;
  command.order = OrderId("1");
  command.assignments.emplace();
  std::string bytes = encoded(command);
  bytes.pop_back();
  put_varint(bytes, std::numeric_limits<uint64_t>::max());
  EXPECT_FALSE(decode_record(as_bytes(bytes)));
}

TEST(Record, identities_differ_wherever_the_records_are_not_the_same_event) {
  Location location = plain_location();
  Location with_client_id = location;
  with_client_id.client_id = "k#0";
  OrderCommand command;
  command.order = *location.order;
  command.client_id = "k#0";
  command.deliverer = location.deliverer;
  OrderCommand without_client_id = command;
  without_client_id.client_id.clear();
  Location without_deliverer = with_client_id;
  without_deliverer.deliverer.reset();
  const Quarantined quarantined{.source = "locations", .field = "", .reason = "r", .raw = "{}", .received_at = {}};
  const std::set<EventId> ids{event_id_of(Record(location)),          event_id_of(Record(with_client_id)),
                              event_id_of(Record(command)),           event_id_of(Record(without_client_id)),
                              event_id_of(Record(without_deliverer)), event_id_of(Record(quarantined)),
                              event_id_of_bytes(as_bytes("{}")),      event_id_of_bytes({})};
  EXPECT_EQ(ids.size(), 8u);
}

TEST(Record, a_location_sent_again_later_has_the_same_identity) {
  Location first = plain_location();
  Location again = first;
  again.received_at += std::chrono::hours(1);
  again.order->integer = false;
  EXPECT_EQ(event_id_of(Record(first)), event_id_of(Record(again)));
  again.latitude += 1e-6;
  EXPECT_NE(event_id_of(Record(first)), event_id_of(Record(again)));
}

}  // namespace
}  // namespace waybill::wire
