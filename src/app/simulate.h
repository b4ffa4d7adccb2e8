// app/simulate.h — couriers who drive on real streets and report over HTTP, with the faults of real phones.
//
// Delivery: a location is sent until the server answers; those answered with success are in --log, no others.
// Failure:  invalid: an option or file makes no sense, or the server refused locations. denied, not_found: the server will not
//           take any. unavailable: nobody answered for the first first_answer_wait.
// Limits:   a connection's couriers hold back unsent_max locations; while so many wait they report nothing new.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "app/couriers.h"
#include "app/http_client.h"
#include "base/clock.h"
#include "base/result.h"

namespace waybill::app {

inline constexpr size_t unsent_max = 20'000;
inline constexpr std::chrono::seconds last_answer_wait{30};  // for what still waits when the time is up

enum class Show { progress, nothing };  // nothing: part of another program's output

struct SimulateOptions {
  std::string url = "http://127.0.0.1:5000";
  Trust trust{};
  double interval_s = 10;  // -d: seconds between two locations of a courier
  double interval_spread_s = 3;  // either way
  unsigned locations_per_order = 15;  // -l
  uint64_t couriers = 50;  // -n: at the same time
  std::string streets{};  // a GeoJSON file, .gz too; empty: the built-in ones
  std::optional<double> rate{};  // locations a second in all; decides the interval
  std::optional<uint64_t> seed{};  // missing: a new one, printed
  std::optional<uint64_t> orders{};  // in all; missing: for ever
  std::optional<Duration> run_for{};  // missing: for ever
  Api api = Api::locations;
  uint64_t batch = 1;  // locations in one request, where so many wait; 1 for Api::first
  uint64_t connections = 16;  // at most one for each courier
  std::string log{};  // a file: gets every acknowledged location as NDJSON
  std::string bearer{};
  Faults faults{};
  Show show = Show::progress;
};

// Runs until the orders are done, the time is up or stop is asked for. Progress goes to standard error, the summary to
// standard output.
Result<void> run_simulate(const SimulateOptions& options, Clock& clock, std::stop_token stop);

// "90" and "90s", "5m", "1h30m", "2d".
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace waybill::app
