// app/status_view.h — what `waybill status` shows, and how: pure functions from readings to lines and JSON.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/metrics_text.h"
#include "base/clock.h"

namespace waybill::app {

inline constexpr size_t status_columns = 80;

enum class State : uint8_t {
  ready,
  not_ready,  // it answers, and says why not
  no_answer,  // something says that it serves, but does not answer
  stopped,  // no process; the numbers are the folder's
};

// A count, how fast it grows, and where it stands.
struct Flow {
  std::optional<double> per_second;  // in the window
  std::optional<double> total;  // since the process began
};

struct Timing {
  std::optional<double> p50_s, p99_s;  // in the window
  std::optional<double> all_p50_s, all_p99_s;  // since the process began
};

// Nothing where nobody can say: a stopped process has no rates, a remote one no folder.
struct Status {
  State state = State::stopped;
  std::vector<std::string> reasons;  // why it is not ready, or does not answer
  std::string where;  // URL, else folder
  std::string version;
  std::optional<double> uptime_s;
  double window_s = 0;

  Flow locations, orders, quarantined, rejected, undecodable;
  std::optional<Flow> over_mqtt;  // messages of phones, where they are listened to
  std::optional<double> mqtt_working;
  Flow requests, server_errors;
  Timing request, received_to_visible, fix_to_visible, sync;
  std::optional<double> connections;
  std::optional<double> journal_begin, journal_end, journal_bytes;
  std::optional<double> store_visible, store_durable;
  std::optional<double> lake_end;  // the lake has everything below it
  std::optional<double> not_treated;  // rows of its raw tables that its treated ones are not made of yet
  std::optional<double> treated_age_s;  // since treated and final tables were last up to date
  std::optional<double> lake_failures, transform_failures;
  std::optional<double> kept,
      repeats;  // by the store's books, where no process counts; quarantined.total goes with them
  std::optional<double> disk_free_bytes, disk_size_bytes;
  std::optional<double> resident_bytes, open_files, open_files_max;
};

// One scrape of a running process.
struct Scrape {
  MetricsText metrics;
  std::chrono::steady_clock::time_point at;
};

// From the newest scrape and an older one of the same process (its rates are 0 where there is none).
Status status_of(const Scrape& now, const Scrape* before, Time clock);

// Lines of at most status_columns columns, ASCII.
std::vector<std::string> layout(const Status& status);

// One JSON object; what is not known is null.
std::string status_json(const Status& status);

// Takes the place of the frame before it on a terminal, in one write, without clearing in between. The first has none before it.
std::string frame(const std::vector<std::string>& lines, size_t lines_before);

}  // namespace waybill::app
