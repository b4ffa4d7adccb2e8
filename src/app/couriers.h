// app/couriers.h — a courier as simulate plays it: where, when and in which order the phone reports.
//
// Invariant: the same options give the same reports, to the bit, whatever the machine's load: time is taken from the schedule.
// Threads:   a Courier belongs to one thread; all of them share a constant Streets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/streets.h"
#include "domain/location.h"

namespace waybill::app {

// What goes wrong with phones; each probability is for one location.
struct Faults {
  double repeats = 0;  // it is sent twice
  double disorder = 0;  // it is sent after the one that follows it
  double gaps = 0;  // a time without network begins: this one and the next few are sent late, all at once
  double jumps = 0;  // it is 1 to 5 km off
  double skew_s =
      0;  // not a probability: each phone's clock is wrong by up to so many seconds, either way, all the time
};

inline constexpr unsigned gap_locations_max = 10;  // held back by one gap; at least 2
// Order ids are whole numbers that a double can hold: the second of the start, and this many orders after it.
inline constexpr uint64_t orders_per_run_max = 4'000'000;

struct CourierOptions {
  uint64_t seed = 0;
  Time start{};
  uint64_t couriers = 50;  // in all
  double interval_s = 10;  // between two locations
  double interval_spread_s = 3;  // either way
  unsigned locations_per_order = 15;
  std::optional<uint64_t> orders{};  // in all; missing: for ever
  Faults faults{};
};

class Courier {
 public:
  Courier(const Streets& streets, const CourierOptions& options, uint64_t number);

  bool finished() const { return finished_; }
  Time due() const { return due_; }  // of the next report, on the machine's clock
  // Makes the report that is due and appends what the phone sends now, in its order: nothing, one location or several.
  void report(std::vector<Location>& into);
  // No further report: what the phone still holds is sent.
  void finish(std::vector<Location>& into);

 private:
  Location fix();
  void pass_on(Location location, std::vector<Location>& into);
  void next_due();

  const CourierOptions& options_;
  uint64_t number_;
  Random random_;
  Drive drive_;
  Time due_{};
  double since_last_s_ = 0;  // from the report before
  double pace_mps_;  // how this one drives
  Duration skew_{};
  uint64_t order_ = 0;  // in the run
  unsigned on_order_ = 0;  // locations of it so far
  bool finished_ = false;
  unsigned gap_left_ = 0;  // reports until there is network again
  std::vector<Location> in_gap_{};
  std::optional<Location> late_{};  // goes after the next one
};

enum class Api { first, locations };

// The location as a JSON object, as this API takes it.
std::string location_json(const Location& location, Api api);

}  // namespace waybill::app
