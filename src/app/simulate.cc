#include "app/simulate.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <deque>
#include <queue>
#include <thread>

#include "app/batch_answer.h"
#include "app/http_client.h"
#include "app/meter.h"
#include "base/files.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/pause.h"
#include "wire/json_out.h"

namespace waybill::app {
namespace {

using Steady = std::chrono::steady_clock::time_point;

// The file of acknowledged locations.
class AcknowledgedLog {
 public:
  Result<void> open(const std::string& path) {
    auto opened = system_files().open(path, OpenMode::create);
    if (!opened && opened.error().code == Code::conflict) opened = system_files().open(path, OpenMode::read_write);
    if (!opened) return std::unexpected(std::move(opened.error()));
    TRY_LET(end_, (*opened)->size());
    file_ = std::move(*opened);
    return {};
  }
  Result<void> append(std::string_view lines) {
    if (!file_) return {};
    TRY(file_->write_at(end_, as_bytes(lines)));
    end_ += lines.size();
    return {};
  }

 private:
  std::unique_ptr<File> file_;
  uint64_t end_ = 0;
};

// What all connections share.
struct Run {
  const SimulateOptions& options;
  const CourierOptions couriers;
  const Streets& streets;
  Clock& clock;
  Steady began;
  Meter meter{};
  std::atomic<bool> answered{false};     // anybody, ever
  std::atomic<bool> time_is_up{false};   // no new reports
  std::atomic<uint64_t> unsent{0};       // given up at the end
  std::atomic<unsigned> at_work{0};
  std::stop_source stop{};               // asked for from outside, or by the first error
  Guarded<std::optional<Error>> error{};
  Guarded<AcknowledgedLog> log{};

  void fail_with(Error failed) {
    error.with([&](auto& first) {
      if (!first) first = std::move(failed);
    });
    stop.request_stop();
  }
  // The schedule goes by the steady clock: a jump of the wall clock does not make couriers stand still or race.
  Time now() const { return couriers.start + std::chrono::duration_cast<Duration>(clock.steady() - began); }
};

// Some of the couriers and the connection over which they report, one thread's work.
class Shift {
 public:
  Shift(Run& run, HttpClient& client, uint64_t first, uint64_t step) : run_(run), client_(client) {
    for (uint64_t number = first; number < run.couriers.couriers; number += step)
      couriers_.emplace_back(run.streets, run.couriers, number);
    for (size_t i = 0; i < couriers_.size(); ++i)
      if (!couriers_[i].finished()) due_.push({couriers_[i].due(), i});
  }

  void work() {
    const std::stop_token stop = run_.stop.get_token();
    while (!stop.stop_requested()) {
      report_due();
      if (waiting_.empty()) {
        if (due_.empty()) break;
        pause(std::clamp(due_.top().first - run_.now(), Duration(0), Duration(100'000)), stop);
      } else if (!send()) {
        pause(wait_, stop);
      }
    }
    run_.unsent += waiting_.size();
  }

 private:
  void report_due() {
    std::vector<Location> reports;
    if (run_.time_is_up) {
      for (; !due_.empty(); due_.pop()) couriers_[due_.top().second].finish(reports);
    }
    while (!due_.empty() && due_.top().first <= run_.now() && waiting_.size() + reports.size() < unsent_max) {
      const size_t who = due_.top().second;
      due_.pop();
      couriers_[who].report(reports);
      if (!couriers_[who].finished()) due_.push({couriers_[who].due(), who});
    }
    std::ranges::move(reports, std::back_inserter(waiting_));
  }

  // One request. False: it has to be made again after wait_.
  bool send() {
    const bool first_api = run_.options.api == Api::first;
    const size_t count = first_api ? 1 : std::min<size_t>(run_.options.batch, waiting_.size());
    std::string lines;  // as NDJSON
    for (size_t i = 0; i < count; ++i) lines += location_json(waiting_[i], run_.options.api) + '\n';

    HttpRequest request{.path = first_api ? "/v1/deliverer_location/" : "/v1/locations", .body = lines, .headers = {}};
    std::string encoded;
    if (first_api) {
      // The first publisher encodes its object twice.
      encoded = wire::JsonWriter().text(std::string_view(lines).substr(0, lines.size() - 1)).take();
      request.body = encoded;
    }
    request.headers.emplace_back(count == 1 ? "Content-Type: application/json" : "Content-Type: application/x-ndjson");

    const auto answer = client_.post(request);
    if (!answer) return not_answered(answer.error());
    run_.answered = true;
    switch (verdict_of(answer->status)) {
      case Verdict::taken: taken(count, lines, *answer); break;
      case Verdict::refused: reject(count, error_text(answer->status, answer->body)); break;
      case Verdict::barred:
        run_.fail_with({answer->status == 404 ? Code::not_found : Code::denied,
                        run_.options.url + ": " + error_text(answer->status, answer->body)});
        return true;
      case Verdict::retry:
        run_.meter.count_retry();
        wait_ = retry_wait(++attempts_, &*answer);
        return false;
    }
    attempts_ = 0;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    return true;
  }

  bool not_answered(const Error& error) {
    if (run_.stop.stop_requested()) return false;
    if (error.code != Code::unavailable) run_.fail_with(error);
    if (!run_.answered && run_.clock.steady() - run_.began > first_answer_wait) run_.fail_with(error);
    run_.meter.count_retry();
    wait_ = retry_wait(++attempts_, nullptr);
    return false;
  }

  void taken(size_t count, const std::string& lines, const HttpAnswer& answer) {
    std::vector<BatchAnswer::Failure> failures;
    if (run_.options.api == Api::locations) {
      auto read = read_batch_answer(answer.body);
      if (!read) return run_.fail_with(read.error());
      failures = std::move(read->failures);
    }
    for (const auto& failure : failures) reject(1, failure.field + ": " + failure.reason);
    run_.meter.count_sent(count - std::min(count, failures.size()), answer.latency);
    auto logged = run_.log.with([&](AcknowledgedLog& log) { return log.append(acknowledged(lines, failures)); });
    if (!logged) run_.fail_with(logged.error());
  }

  static std::string acknowledged(const std::string& lines, const std::vector<BatchAnswer::Failure>& failures) {
    if (failures.empty()) return lines;
    std::string kept;
    uint64_t item = 0;
    for (size_t at = 0; at < lines.size(); ++item) {
      const size_t end = lines.find('\n', at) + 1;
      if (std::ranges::find(failures, item, &BatchAnswer::Failure::item) == failures.end())
        kept.append(lines, at, end - at);
      at = end;
    }
    return kept;
  }

  void reject(size_t count, const std::string& why) {
    run_.meter.count_rejected(count);
    if (told_++ < told_max) log::warning("a location was refused", {{"why", why}});
  }

  static constexpr unsigned told_max = 3;  // of each connection; the rest is only counted
  Run& run_;
  HttpClient& client_;
  std::vector<Courier> couriers_;
  // Couriers by the time of their next report, the earliest on top.
  std::priority_queue<std::pair<Time, size_t>, std::vector<std::pair<Time, size_t>>, std::greater<>> due_;
  std::deque<Location> waiting_;
  unsigned attempts_ = 0;
  std::chrono::milliseconds wait_{0};
  unsigned told_ = 0;
};

Result<void> check(const SimulateOptions& options) {
  auto probability = [](double p) { return p >= 0 && p <= 1; };
  const Faults& faults = options.faults;
  if (options.couriers == 0) return fail(Code::invalid, "simulate: at least one deliverer is needed");
  if (options.locations_per_order == 0) return fail(Code::invalid, "simulate: an order has at least one location");
  if (options.batch == 0 || options.connections == 0)
    return fail(Code::invalid, "simulate: batch and connections begin at 1");
  if (!(options.interval_s > 0) || (options.rate && !(*options.rate > 0)))
    return fail(Code::invalid, "simulate: the time between locations and the rate must be above 0");
  if (!probability(faults.repeats) || !probability(faults.disorder) || !probability(faults.gaps) ||
      !probability(faults.jumps))
    return fail(Code::invalid, "simulate: repeats, disorder, gaps and jumps are probabilities, 0 to 1");
  if (!(faults.skew_s >= 0)) return fail(Code::invalid, "simulate: skew is a number of seconds, not below 0");
  return {};
}

CourierOptions courier_options(const SimulateOptions& options, uint64_t seed, Time start) {
  CourierOptions made{.seed = seed,
                      .start = start,
                      .couriers = options.couriers,
                      .interval_s = options.interval_s,
                      .interval_spread_s = std::min(options.interval_spread_s, options.interval_s),
                      .locations_per_order = options.locations_per_order,
                      .orders = options.orders,
                      .faults = options.faults};
  if (options.rate) {
    made.interval_s = static_cast<double>(options.couriers) / *options.rate;
    made.interval_spread_s = 0.3 * made.interval_s;
  }
  return made;
}

// Shows progress until all shifts are over or stop was asked for.
void watch(Run& run) {
  ProgressLine line(run.meter, standard_error_terminal(), run.began);
  Steady shown = run.began, up{};
  constexpr std::chrono::milliseconds look{50};
  while (run.at_work > 0) {
    pause(look, run.stop.get_token());
    if (run.stop.stop_requested()) break;
    const Steady now = run.clock.steady();
    std::optional<double> share;
    if (run.options.run_for) {
      share = std::chrono::duration<double>(now - run.began) / std::chrono::duration<double>(*run.options.run_for);
      if (*share >= 1 && !run.time_is_up.exchange(true)) up = now;
    } else if (run.options.orders) {
      share = static_cast<double>(run.meter.read().sent) /
              static_cast<double>(std::max<uint64_t>(1, *run.options.orders * run.options.locations_per_order));
    }
    if (run.time_is_up && now - up > last_answer_wait) run.stop.request_stop();
    if (run.options.show == Show::nothing || now - shown < line.pace()) continue;
    line.show(now, share);
    shown = now;
  }
  line.leave();
}

void print_summary(const Run& run) {
  const MeterReading reading = run.meter.read();
  const double seconds = std::chrono::duration<double>(run.clock.steady() - run.began).count();
  std::printf("%s",
              (progress_text(reading, static_cast<double>(reading.sent) / std::max(seconds, 1e-6), {}) + '\n').c_str());
  if (run.unsent > 0) std::printf("%llu locations were still unsent\n", static_cast<unsigned long long>(run.unsent));
  std::fflush(stdout);
}

}  // namespace

Result<void> run_simulate(const SimulateOptions& options, Clock& clock, std::stop_token stop) {
  TRY(check(options));
  std::string packed;
  if (!options.streets.empty()) {
    TRY_LET(packed, read_file(system_files(), options.streets));
  }
  auto streets = unpack_streets(packed);
  if (!streets) return fail_in(options.streets.empty() ? "built-in streets" : options.streets, streets.error());

  const uint64_t seed = options.seed.value_or(random_seed() >> 32);  // short enough to be typed again
  Run run{.options = options,
          .couriers = courier_options(options, seed, clock.now()),
          .streets = *streets,
          .clock = clock,
          .began = clock.steady()};
  if (!options.log.empty()) TRY(run.log.with([&](AcknowledgedLog& log) { return log.open(options.log); }));
  std::stop_callback pass_on(stop, [&run] { run.stop.request_stop(); });
  std::vector<std::unique_ptr<HttpClient>> clients(std::min(options.connections, options.couriers));
  for (auto& client : clients) {
    TRY_LET(client,
            open_http_client(
                {.url = options.url, .trust = options.trust, .bearer = options.bearer, .stop = run.stop.get_token()}));
  }
  log::info("couriers drive", {{"couriers", options.couriers},
                               {"url", options.url},
                               {"seed", seed},
                               {"streets_km", streets->length_m() / 1000},
                               {"attribution", streets->attribution()}});

  // Beyond this point nothing is opened; things are only used.
  {
    run.at_work = static_cast<unsigned>(clients.size());
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < clients.size(); ++i) {
      threads.emplace_back([&run, &clients, i] {
        Shift(run, *clients[i], i, clients.size()).work();
        --run.at_work;
      });
    }
    watch(run);
  }
  if (options.show == Show::progress) print_summary(run);
  if (auto error = run.error.with([](const auto& first) { return first; })) return std::unexpected(std::move(*error));
  if (const uint64_t rejected = run.meter.read().rejected; rejected > 0)
    return fail(Code::invalid, "simulate: the server refused " + std::to_string(rejected) + " locations");
  return {};
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return {};
  Duration sum{};
  while (!text.empty()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    constexpr int64_t number_max = 1'000'000'000;
    if (error != std::errc() || number < 0 || number > number_max) return {};
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const char unit = text.empty() ? 's' : text.front();
    if (!text.empty()) text.remove_prefix(1);
    if (unit == 's')
      sum += std::chrono::seconds(number);
    else if (unit == 'm')
      sum += std::chrono::minutes(number);
    else if (unit == 'h')
      sum += std::chrono::hours(number);
    else if (unit == 'd')
      sum += std::chrono::hours(24 * number);
    else
      return {};
  }
  return sum;
}

}  // namespace waybill::app
