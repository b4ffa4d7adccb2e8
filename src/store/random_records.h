// store/random_records.h — journal entries by seed that meet each other often: few names, few moments, many repeats.
#pragma once

#include "base/random.h"
#include "store/store_contract.h"

namespace waybill::store {

inline Location random_location(Random& random) {
  const uint64_t who = random.below(6);
  const auto name = [&](const char* kind, uint64_t count) { return kind + std::to_string(random.below(count)); };
  Location location =
      seen(who < 3 ? std::optional(name("o", 6)) : std::nullopt, who == 0 ? std::nullopt : std::optional(name("d", 5)),
           static_cast<int64_t>(random.below(600)) * 60, static_cast<DeliveryState>(random.below(4)));
  location.longitude = static_cast<double>(random.below(3));
  if (random.chance(0.1)) location.received_at = at(static_cast<int64_t>(random.below(36'000)));  // some are ahead
  if (random.chance(0.2)) location.client_id = name("c", 20);
  return location;
}

inline OrderCommand random_command(Random& random) {
  const auto seconds = [&] { return static_cast<int64_t>(random.below(600)) * 60 + 7; };
  OrderCommand command = told(static_cast<Kind>(random.below(5)), "o" + std::to_string(random.below(6)), seconds());
  if (random.chance(0.8)) command.deliverer = DelivererId("d" + std::to_string(random.below(5)));
  command.received_at = at(seconds());
  if (random.chance(0.2)) command.at.reset();
  if (random.chance(0.2)) command.client_id = "c" + std::to_string(random.below(20));
  if (random.chance(0.3) && command.kind == Kind::put) {
    command.assignments.emplace();
    int64_t from = seconds() / 4;
    for (uint64_t left = random.below(4); left > 0; --left) {
      const int64_t to = from + static_cast<int64_t>(random.below(6000)) - (random.chance(0.05) ? 6000 : 0);
      command.assignments->push_back(
          {.deliverer = DelivererId("d" + std::to_string(random.below(5))), .from = at(from), .to = at(to)});
      from = to + static_cast<int64_t>(random.below(600));
    }
    if (random.chance(0.5) && !command.assignments->empty()) command.assignments->back().to.reset();
  }
  return command;
}

inline Grant random_grant(Random& random) {
  return {.kind = static_cast<Grant::Kind>(random.below(3)),
          .id = "g" + std::to_string(random.below(5)),
          .revoked = random.chance(0.3),
          .role = static_cast<Role>(random.below(5)),
          .subject = "s" + std::to_string(random.below(3)),
          .at = at(static_cast<int64_t>(random.below(600)))};
}

inline Hook random_hook(Random& random) {
  return {.id = "h" + std::to_string(random.below(3)),
          .removed = random.chance(0.4),
          .url = "https://a.example/",
          .events = EventKinds::of_bits(random.below(EventKinds::all_bits + 1)),
          .at = at(static_cast<int64_t>(random.below(600))),
          .by = "admin",
          .note = {}};
}

inline Entry random_entry(Random& random, uint64_t offset) {
  Entry entry{.offset = offset, .record = {}, .undecoded = {}};
  const uint64_t kind = random.below(100);
  if (kind == 0)
    entry.undecoded = "undecoded " + std::to_string(random.below(5));
  else if (kind == 1)
    entry.record = wire::Quarantined{.source = "locations",
                                     .field = "f",
                                     .reason = "r",
                                     .raw = std::to_string(random.below(5)),
                                     .received_at = at(1)};
  else if (kind < 4)
    entry.record = random_grant(random);
  else if (kind == 4)
    entry.record = random_hook(random);
  else if (kind < 15)
    entry.record = random_command(random);
  else
    entry.record = random_location(random);
  return entry;
}

}  // namespace waybill::store
