// wire/samples.h — made-up locations, commands and quarantined input by seed, for the tests of this and later rooms.
#pragma once

#include <string>

#include "base/random.h"
#include "wire/record.h"

namespace waybill::wire {

inline std::string sample_text(Random& random, size_t bytes_max) {
  static constexpr std::string_view pieces[] = {"a", "Z", "7", "-", "é", "日", "🚲", " ", "\"", "\\", "/", "_"};
  std::string text;
  while (text.size() + 4 <= bytes_max && !random.chance(0.1)) text += pieces[random.below(std::size(pieces))];
  return text.empty() ? "x" : text;
}

template <class IdType>
IdType sample_id(Random& random) {
  if (random.chance(0.5)) return IdType(std::to_string(random.below(1'000'000)), random.chance(0.7));
  return IdType(sample_text(random, id_bytes_max));
}

// Within the years that can be written: 1970 … 9999.
inline Time sample_time(Random& random) {
  constexpr uint64_t last_second = 253'402'300'799;
  switch (random.below(8)) {
    case 0: return at_us(0);
    case 1: return at_us(static_cast<int64_t>(last_second) * 1'000'000 + 999'999);
    case 2: return at_us(static_cast<int64_t>(random.below(last_second * 1'000'000)));
    default: return at_us(1'700'000'000'000'000 + static_cast<int64_t>(random.below(100'000'000'000)) * 1000);
  }
}

inline double sample_number(Random& random, double low, double high) {
  const double value = low + random.unit() * (high - low);
  switch (random.below(4)) {
    case 0: return value;
    case 1: return static_cast<double>(static_cast<int64_t>(value));
    case 2: return static_cast<double>(static_cast<int64_t>(value * 1e5)) / 1e5;
    default: return static_cast<double>(static_cast<int64_t>(value * 1e6)) / 1e6;
  }
}

inline std::string sample_attributes(Random& random) {
  if (random.chance(0.7)) return {};
  return R"({"battery":)" + std::to_string(random.below(100)) + R"(,"x":[1.50,null,{"y":"\u00e9"}]})";
}

inline Location sample_location(Random& random) {
  Location location;
  const uint64_t who = random.below(3);
  if (who != 0) location.order = sample_id<OrderId>(random);
  if (who != 1) location.deliverer = sample_id<DelivererId>(random);
  location.state = static_cast<DeliveryState>(random.below(4));
  location.fix_time = sample_time(random);
  location.fix_form = {.digits = static_cast<uint8_t>(random.below(7)), .naive = random.chance(0.3)};
  location.received_at = sample_time(random);
  location.latitude = sample_number(random, -90, 90);
  location.longitude = sample_number(random, -180, 180);
  if (random.chance(0.5)) location.sent_at = sample_time(random);
  if (random.chance(0.5)) location.accuracy_m = sample_number(random, 0, 3000);
  if (random.chance(0.3)) location.altitude_m = sample_number(random, -400, 9000);
  if (random.chance(0.5)) location.speed_mps = sample_number(random, 0, 70);
  if (random.chance(0.5)) location.heading_deg = sample_number(random, 0, 359.9);
  if (random.chance(0.3)) location.client_id = sample_text(random, 64);
  location.attributes = sample_attributes(random);
  return location;
}

inline OrderCommand sample_command(Random& random) {
  OrderCommand command;
  command.kind = static_cast<OrderCommand::Kind>(random.below(5));
  if (random.chance(0.1)) command.reason = sample_text(random, 40);
  command.order = sample_id<OrderId>(random);
  command.received_at = sample_time(random);
  if (random.chance(0.6)) command.deliverer = sample_id<DelivererId>(random);
  if (random.chance(0.4))
    command.destination = Destination{.latitude = sample_number(random, -90, 90),
                                      .longitude = sample_number(random, -180, 180),
                                      .address = random.chance(0.5) ? sample_text(random, 80) : ""};
  if (random.chance(0.4)) command.promised_at = sample_time(random);
  if (random.chance(0.4)) command.sequence = static_cast<int64_t>(random.next() >> random.below(64));
  if (random.chance(0.4)) command.at = sample_time(random);
  if (random.chance(0.2)) {
    command.assignments.emplace();
    for (uint64_t left = random.below(4); left > 0; --left) {
      Assignment assignment{
          .deliverer = sample_id<DelivererId>(random), .from = sample_time(random), .to = std::nullopt};
      if (random.chance(0.7)) assignment.to = sample_time(random);
      command.assignments->push_back(assignment);
    }
  }
  if (random.chance(0.3)) command.client_id = sample_text(random, 64);
  command.attributes = sample_attributes(random);
  return command;
}

inline Quarantined sample_quarantined(Random& random) {
  std::string raw;
  for (uint64_t left = random.below(200); left > 0; --left) raw.push_back(static_cast<char>(random.next()));
  return {.source = random.chance(0.5) ? "locations" : "orders",
          .field = random.chance(0.5) ? "latitude" : "",
          .reason = sample_text(random, 100),
          .raw = raw,
          .received_at = sample_time(random)};
}

inline Grant sample_grant(Random& random) {
  Grant grant{.kind = static_cast<Grant::Kind>(random.below(3)),
              .id = sample_id<OrderId>(random).text,
              .revoked = random.chance(0.5),
              .role = static_cast<Role>(random.below(5)),
              .subject = sample_text(random, 40),
              .at = sample_time(random),
              .by = sample_text(random, 40)};
  if (random.chance(0.5)) grant.expires_at = sample_time(random);
  if (random.chance(0.3)) grant.note = sample_text(random, 80);
  if (random.chance(0.3)) grant.secret = sample_text(random, 80);
  return grant;
}

inline Hook sample_hook(Random& random) {
  return {.id = sample_id<OrderId>(random).text,
          .removed = random.chance(0.3),
          .url = "https://" + sample_text(random, 40),
          .events = EventKinds::of_bits(random.below(EventKinds::all_bits + 1)),
          .at = sample_time(random),
          .by = sample_text(random, 40),
          .note = random.chance(0.5) ? sample_text(random, 80) : ""};
}

}  // namespace waybill::wire
