#include "app/couriers.h"

#include <algorithm>
#include <cmath>

#include "wire/json_out.h"

namespace waybill::app {
namespace {

Duration seconds_to(double seconds) { return Duration(std::llround(seconds * 1e6)); }

double rounded(double value, double steps_per_unit) { return std::round(value * steps_per_unit) / steps_per_unit; }

// Courier `number` has its own random numbers, so that their count does not change what the others do.
uint64_t seed_of(uint64_t seed, uint64_t number) { return Random(seed ^ (number * 0xd1342543de82ef95u + 1)).next(); }

constexpr double slowest_mps = 4, fastest_mps = 11;  // 14 to 40 km/h: a bicycle to a van in town
constexpr double standing_share = 0.08;              // of the reports: at lights, at a door
constexpr double jump_m_min = 1'000, jump_m_max = 5'000;

}  // namespace

Courier::Courier(const Streets& streets, const CourierOptions& options, uint64_t number)
    : options_(options),
      number_(number),
      random_(seed_of(options.seed, number)),
      drive_(streets, random_),
      due_(options.start + seconds_to(random_.unit() * options.interval_s)),
      pace_mps_(slowest_mps + random_.unit() * (fastest_mps - slowest_mps)),
      skew_(seconds_to((2 * random_.unit() - 1) * options.faults.skew_s)),
      order_(number) {
  finished_ = options_.orders && order_ >= *options_.orders;
}

void Courier::next_due() {
  since_last_s_ = std::max(1e-6, options_.interval_s + (2 * random_.unit() - 1) * options_.interval_spread_s);
  due_ += seconds_to(since_last_s_);
}

Location Courier::fix() {
  const double speed_mps = random_.chance(standing_share) ? 0 : pace_mps_ * (0.6 + 0.6 * random_.unit());
  drive_.advance(speed_mps * since_last_s_, random_);
  Point at = drive_.at();
  const bool jumps = random_.chance(options_.faults.jumps);
  if (jumps) at = moved(at, random_.unit() * 360, jump_m_min + random_.unit() * (jump_m_max - jump_m_min));

  Location location;
  const uint64_t run = static_cast<uint64_t>(to_us(options_.start) / 1'000'000) * orders_per_run_max;
  location.order = OrderId(std::to_string(run + order_ % orders_per_run_max), true);
  location.deliverer = DelivererId(std::to_string(number_ + 1), true);
  const bool last = on_order_ + 1 >= options_.locations_per_order;
  location.state = on_order_ == 0 ? DeliveryState::start : last ? DeliveryState::arrived : DeliveryState::on_the_way;
  // Milliseconds are what phones give; close to each other they would make two fixes one.
  const bool slow = options_.interval_s >= 1;
  location.fix_form = {.digits = static_cast<uint8_t>(slow ? 3 : 6), .naive = false};
  location.fix_time = slow ? std::chrono::floor<std::chrono::milliseconds>(due_ + skew_) : due_ + skew_;
  location.latitude = rounded(at.latitude, 1e6);
  location.longitude = rounded(at.longitude, 1e6);
  location.accuracy_m = rounded(3 + 9 * random_.unit(), 10);
  location.speed_mps = rounded(speed_mps, 10);
  location.heading_deg = std::fmod(rounded(drive_.heading(), 1), 360);
  return location;
}

void Courier::pass_on(Location location, std::vector<Location>& into) {
  const bool twice = random_.chance(options_.faults.repeats);
  const bool late = random_.chance(options_.faults.disorder);
  if (gap_left_ == 0 && random_.chance(options_.faults.gaps))
    gap_left_ = 2 + static_cast<unsigned>(random_.below(gap_locations_max - 1));

  std::vector<Location> sent;
  if (late && !late_) {
    if (twice) sent.push_back(location);
    late_ = std::move(location);
  } else {
    if (twice) sent.push_back(location);
    sent.push_back(std::move(location));
    if (late_) sent.push_back(*std::exchange(late_, std::nullopt));
  }
  if (gap_left_ == 0) {
    std::ranges::move(sent, std::back_inserter(into));
    return;
  }
  std::ranges::move(sent, std::back_inserter(in_gap_));
  if (--gap_left_ == 0) {
    std::ranges::move(in_gap_, std::back_inserter(into));
    in_gap_.clear();
  }
}

void Courier::report(std::vector<Location>& into) {
  if (finished_) return;
  pass_on(fix(), into);
  next_due();
  if (++on_order_ < options_.locations_per_order) return;
  on_order_ = 0;
  order_ += options_.couriers;
  if (options_.orders && order_ >= *options_.orders) finish(into);
}

void Courier::finish(std::vector<Location>& into) {
  finished_ = true;
  std::ranges::move(in_gap_, std::back_inserter(into));
  in_gap_.clear();
  if (late_) into.push_back(*std::exchange(late_, std::nullopt));
}

std::string location_json(const Location& location, Api api) {
  wire::JsonWriter writer;
  if (api == Api::first) {
    Location naive = location;
    naive.fix_form.naive = true;
    wire::write_first_system(writer, naive, {});
  } else {
    wire::write_location(writer, location);
  }
  return writer.take();
}

}  // namespace waybill::app
