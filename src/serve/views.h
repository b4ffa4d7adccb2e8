// serve/views.h — orders and deliverers as JSON, the same wherever they are shown: all of it to staff, and to a customer what
// the privacy rules let it see of its one order, decided before anything is written.
//
// Threads: const methods, from any thread.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "serve/api.h"
#include "wire/json_out.h"

namespace waybill::serve {

class Views {
 public:
  explicit Views(const ApiParts& parts) : parts_(parts) {}

  // For staff.
  std::string order(const store::OrderView& view, Time now) const;
  void write_order(wire::JsonWriter& json, const store::OrderView& view, Time now) const;
  std::string deliverer(const store::DelivererView& view) const;
  void write_kept(wire::JsonWriter& json, const store::Kept& kept) const;
  void write_as_of(wire::JsonWriter& json) const;  // "as_of": the last position that reads show

  // For a customer.
  struct Seen {
    Sight sight = Sight::nothing;
    WayLeft left;
  };
  bool in_its_time(const store::OrderView& view) const;  // whether anything may be seen of it now
  // What may be seen of the order now; the reply that refuses where its time is over (410).
  std::expected<Seen, Reply> seen_by_customer(const store::OrderView& view) const;
  std::string customers_order(const store::OrderView& view, const Seen& seen) const;
  // The fixes before it are not for the customer; those from it on are, as for_customer() leaves them.
  Time trail_begin(const store::OrderView& view, const Seen& seen) const;
  static Location for_customer(const Location& location);

  bool stale(const store::OrderView& view, Time now) const;
  static int64_t age_ms(const Location& location, Time now);

 private:
  Result<WayLeft> way_left(const store::OrderView& view) const;
  void write_last(wire::JsonWriter& json, const std::optional<store::Kept>& last, Time now) const;
  void write_seen(wire::JsonWriter& json, const Location& location, Sight sight) const;

  const ApiParts& parts_;
};

}  // namespace waybill::serve
