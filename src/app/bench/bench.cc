#include "app/bench/bench.h"

#include <algorithm>
#include <cstdio>

#include "app/bench/live.h"
#include "app/bench/report.h"
#include "app/bench/server.h"
#include "app/meter.h"
#include "app/sync_speed.h"
#include "app/version.h"
#include "base/environment.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/random.h"

namespace waybill::app::bench {
namespace {

constexpr uint32_t batch_items = 1'000;
constexpr uint32_t track_points = 1'000;
constexpr uint32_t live_rate = 10'000;
// A row of batches ends there: more would only wait for the store afterwards, longer than the row takes.
constexpr uint64_t batch_locations_a_second_max = 400'000;
constexpr uint64_t disk_bytes_a_second = 256 << 20;  // at most, of what is sent as fast as it goes
constexpr uint64_t folder_bytes = 512 << 20;  // and what a folder takes at all

enum class Kind : uint8_t { disk, post, last, track, live };

struct Case {
  Kind kind;
  const char* what;
  uint32_t connections = 0;
  Form form = Form::object;
  uint32_t items = 0;
};
constexpr const char* live_posts = "POST 100 locations, 10,000/s";
constexpr const char* live_read = "POST to seen by GET, 10,000/s";
constexpr const char* live_watched = "POST to its event, 10,000/s";
constexpr Case cases[] = {
    {Kind::disk, "write and sync of 4 KiB"},
    {Kind::post, "POST one location, 200 bytes", 64, Form::object, 1},
    {Kind::post, "POST one location, 200 bytes", 256, Form::object, 1},
    {Kind::post, "POST 1,000 locations, JSON array", 16, Form::array, batch_items},
    {Kind::post, "POST 1,000 locations, NDJSON", 16, Form::ndjson, batch_items},
    {Kind::last, "GET last of an order", 64},
    {Kind::track, "GET track of 1,000 points", 16},
    {Kind::live, live_posts},
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; });
  return text;
}

bool wanted(const BenchOptions& options, const Case& one) {
  const auto holds = [&](const char* what) { return lower(what).contains(lower(options.only)); };
  if (one.kind == Kind::disk && !options.url.empty()) return false;  // its disk is not here
  return holds(one.what) || (one.kind == Kind::live && (holds(live_read) || holds(live_watched)));
}

// Those that are wanted; with the same connections for all, each once.
std::vector<Case> cases_of(const BenchOptions& options) {
  std::vector<Case> chosen;
  for (Case one : cases) {
    if (!wanted(options, one)) continue;
    if (options.connections && one.connections > 0) one.connections = *options.connections;
    const bool again = std::ranges::any_of(
        chosen, [&](const Case& other) { return other.what == one.what && other.connections == one.connections; });
    if (!again) chosen.push_back(one);
  }
  return chosen;
}

void print_lines(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

std::optional<double> each(Duration used, uint64_t requests) {
  if (requests == 0) return std::nullopt;
  return static_cast<double>(used.count()) / static_cast<double>(requests);
}

class Bench {
 public:
  Bench(const BenchOptions& options, Clock& clock, std::stop_token stop, Server* server, Target target)
      : options_(options),
        clock_(clock),
        stop_(std::move(stop)),
        server_(server),
        target_(std::move(target)),
        time_(std::chrono::seconds(options.seconds)) {
    // Another's server may have seen an earlier run.
    if (server == nullptr) run_ = static_cast<uint32_t>(random_seed() % (runs_max / 2));
  }

  Result<std::vector<Row>> measure(const Case& one) {
    switch (one.kind) {
      case Kind::disk: return measure_disk(one);
      case Kind::post: return measure_posts(one);
      case Kind::last: return measure_last(one);
      case Kind::track: return measure_track(one);
      case Kind::live: return measure_live(one);
    }
    return std::vector<Row>();
  }
  const Books& books() const { return books_; }

 private:
  Result<std::vector<Row>> measure_disk(const Case& one) {
    constexpr size_t writes_max = 2'000;
    TRY_LET(
        const SyncSpeed speed,
        measure_sync(server_->folder(), clock_,
                     {.writes_max = writes_max, .time_max = std::chrono::seconds(options_.seconds), .stop = stop_}));
    return std::vector{Row{.what = one.what,
                           .per_s = speed.per_second,
                           .p50_us = static_cast<double>(speed.p50.count()),
                           .p99_us = static_cast<double>(speed.p99.count())}};
  }

  Result<std::vector<Row>> measure_posts(const Case& one) {
    const auto requests = post_locations(target_, {.form = one.form, .items = one.items, .run = ++run_});
    TRY_LET(Row row, measure_load(one, *requests));
    return std::vector{std::move(row)};
  }

  Result<std::vector<Row>> measure_last(const Case& one) {
    TRY(send({.form = Form::array, .items = orders_max, .run = ++run_}, 1));
    TRY_LET(Row row, measure_load(one, *get_last(target_, run_)));
    return std::vector{std::move(row)};
  }

  Result<std::vector<Row>> measure_track(const Case& one) {
    TRY(send({.orders = 1, .run = ++run_}, track_points));
    TRY_LET(Row row, measure_load(one, *get_track(target_, run_, track_points)));
    return std::vector{std::move(row)};
  }

  Result<std::vector<Row>> measure_live(const Case& one) {
    const LiveOptions options{
        .target = target_, .run = run_ + 1, .locations_per_second = live_rate, .time = time_, .stop = stop_};
    run_ += 2;
    Result<Duration> before = Duration();
    TRY_LET(const LiveResult live, run_live(options, clock_, [&] { before = server_cpu(); }));
    TRY_LET(const Duration used, cpu_since(before));
    TRY(check_stop());
    books_.sent += live.others.sent * paced_items + live.read.sent;
    books_.acknowledged += live.acknowledged;
    Row posts = row_of(one, live.others, used);
    posts.what = live_posts;
    posts.locations_per_s = live.others.per_second() * paced_items;
    Row read = row_of({.kind = Kind::live, .what = live_read}, live.read, {});
    Row watched = row_of({.kind = Kind::live, .what = live_watched}, live.watched, {});
    for (Row* row : {&read, &watched}) row->server_cpu_us = row->load_cpu_us = {};
    TRY_LET(posts.behind_s, behind());
    return std::vector{std::move(posts), std::move(read), std::move(watched)};
  }

  // So that there is something to read.
  Result<void> send(const PostOptions& what, uint64_t times) {
    const auto requests = post_locations(target_, what);
    constexpr uint32_t connections = 16;
    const LoadOptions options{.target = target_,
                              .requests = *requests,
                              .connections = std::min(connections, static_cast<uint32_t>(times)),
                              .time = answer_wait_max,
                              .requests_max = times,
                              .stop = stop_};
    TRY_LET(const LoadResult sent, run_load(options, clock_));
    TRY(check_stop());
    count(sent, what.items);
    if (sent.good == times) return {};
    return fail(Code::unavailable, "send what is then asked for: " + sent.first_bad);
  }

  Result<Row> measure_load(const Case& one, const Requests& requests) {
    const LoadOptions options{.target = target_,
                              .requests = requests,
                              .connections = one.connections,
                              .time = time_,
                              .requests_max = requests_max_of(requests),
                              .stop = stop_};
    Result<Duration> before = Duration();
    TRY_LET(const LoadResult found, run_load(options, clock_, [&] { before = server_cpu(); }));
    TRY(check_stop());
    std::optional<double> behind_s;
    if (requests.locations() > 0) {
      count(found, requests.locations());
      TRY_LET(behind_s, behind());
    }
    // Putting it into the store belongs to the request's cost, also where that comes after the answer.
    TRY_LET(const Duration used, cpu_since(before));
    Row row = row_of(one, found, used);
    if (requests.locations() > 0) row.locations_per_s = found.per_second() * static_cast<double>(requests.locations());
    row.behind_s = behind_s;
    return row;
  }

  std::optional<uint64_t> requests_max_of(const Requests& requests) const {
    if (requests.locations() <= 1) return std::nullopt;
    return batch_locations_a_second_max * options_.seconds / requests.locations();
  }

  Row row_of(const Case& one, const LoadResult& found, Duration used) const {
    Row row{.what = one.what,
            .per_s = found.per_second(),
            .load_cpu_us = each(found.cpu, found.sent),
            .bad = found.bad,
            .first_bad = found.first_bad};
    if (one.connections > 0) row.connections = one.connections;
    if (found.good + found.bad > 0) {
      row.p50_us = found.p50_us;
      row.p99_us = found.p99_us;
    }
    if (server_ != nullptr) row.server_cpu_us = each(used, found.sent);
    return row;
  }

  void count(const LoadResult& found, uint64_t locations) {
    books_.sent += found.sent * locations;
    books_.acknowledged += found.good * locations;
  }

  Result<Duration> server_cpu() const {
    if (server_ == nullptr) return Duration();
    return server_->cpu_time();
  }
  Result<Duration> cpu_since(const Result<Duration>& before) const {
    TRY_LET(const Duration from, before);
    TRY_LET(const Duration now, server_cpu());
    return now - from;
  }
  Result<std::optional<double>> behind() const {
    if (server_ == nullptr) return std::nullopt;
    TRY_LET(const Duration took, server_->catch_up(stop_));
    return std::chrono::duration<double>(took).count();
  }
  Result<void> check_stop() const {
    if (!stop_.stop_requested()) return {};
    return fail(Code::unavailable, "stopped before it was done");
  }

  const BenchOptions& options_;
  Clock& clock_;
  std::stop_token stop_;
  Server* server_;  // none where another's is measured
  Target target_;
  Duration time_;
  uint32_t run_ = 0;
  Books books_;
};

Result<std::string> folder_below(const BenchOptions& options) {
  // The one for what outlives a restart: it is on a disk where /tmp is in memory.
  const std::string usual = environment_variable("TMPDIR").value_or("/var/tmp");
  return absolute_path(options.folder.empty() ? usual : options.folder);
}

Result<void> check_room(const std::string& folder, const std::vector<Case>& chosen, uint32_t seconds) {
  uint64_t wanted_bytes = folder_bytes;
  for (const Case& one : chosen)
    if (one.kind == Kind::post) wanted_bytes += disk_bytes_a_second * seconds;
  TRY_LET(const FileSystem system, file_system_of(folder));
  if (system.free_bytes >= wanted_bytes) return {};
  return fail(Code::overloaded, folder + " has " + std::to_string(system.free_bytes >> 20) + " MiB free, it may take " +
                                    std::to_string(wanted_bytes >> 20) +
                                    " MiB; --folder names another, --seconds makes it less");
}

Result<Setting> setting_of(const BenchOptions& options, const Server* server) {
  const MachineKind kind = machine_kind();
  const MachineLimits limits = machine_limits();
  Setting setting{.version = std::string(version()),
                  .build = build_kind(),
                  .server = options.url,
                  .processor = kind.processor,
                  .kernel = kind.kernel,
                  .cores = limits.cores,
                  .memory_bytes = limits.memory_bytes,
                  .seconds = static_cast<double>(options.seconds)};
  if (server == nullptr) return setting;
  TRY_LET(const FileSystem system, file_system_of(server->folder()));
  setting.folder = server->folder();
  setting.file_system = system.kind;
  setting.in_memory = system.medium == Medium::memory;
  return setting;
}

// What it is at, on standard error, where somebody looks at a terminal.
class Progress {
 public:
  explicit Progress(Terminal terminal) : terminal_(terminal) {}
  void show(const std::string& what, size_t number, size_t of) const {
    if (terminal_ == Terminal::yes) std::fprintf(stderr, "%s (%zu of %zu) …", what.c_str(), number, of);
  }
  void clear() const {
    if (terminal_ == Terminal::yes) std::fputs("\r\x1b[K", stderr);
  }

 private:
  Terminal terminal_;
};

Result<Books> books_of(Server& server, Books books) {
  TRY_LET(const ingest::Balance balance, server.stop_and_verify());
  books.kept = balance.store.of(store::Outcome::stored).count;
  books.repeats = balance.store.of(store::Outcome::repeat).count;
  books.verified = balance.balances() && balance.journal_end == balance.store_end;
  return books;
}

}  // namespace

Result<bool> run_bench(const BenchOptions& options, Clock& clock, std::stop_token stop) {
  const std::vector<Case> chosen = cases_of(options);
  if (chosen.empty()) return fail(Code::invalid, "no row's name holds '" + options.only + "'");
  raise_open_files();
  const bool text = options.form == BenchOptions::Form::text;
  std::unique_ptr<Server> server;
  Target target;
  if (options.url.empty()) {
    TRY_LET(const std::string below, folder_below(options));
    TRY(check_room(below, chosen, options.seconds));
    TRY_LET(server, start_server(below, clock, stop));
    target = server->target();
  } else {
    TRY_LET(target, target_of(options.url, options.bearer));
  }
  Report report;
  TRY_LET(report.setting, setting_of(options, server.get()));
  if (text) {
    print_lines(lines_of(report.setting));
    std::printf("\n");
    print_lines(table_head());
  }
  const Progress progress(standard_error_terminal());
  Bench bench(options, clock, stop, server.get(), target);
  for (size_t i = 0; i < chosen.size(); ++i) {
    progress.show(chosen[i].what, i + 1, chosen.size());
    const auto rows = bench.measure(chosen[i]);
    progress.clear();
    if (!rows) return fail_in(chosen[i].what, rows.error());
    for (const Row& row : *rows) {
      if (text) print_lines(lines_of(row));
      report.rows.push_back(row);
    }
  }
  if (server) {
    TRY_LET(report.books, books_of(*server, bench.books()));
  }
  if (text && report.books) {
    std::printf("\n");
    print_lines(lines_of(*report.books));
  }
  if (!text) std::printf("%s\n", report_json(report).c_str());
  return report.good();
}

}  // namespace waybill::app::bench
