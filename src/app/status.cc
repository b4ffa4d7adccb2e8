#include "app/status.h"

#include <unistd.h>

#include <cstdio>
#include <deque>

#include <simdjson.h>

#include "app/lake_custody.h"
#include "app/serving.h"
#include "app/status_view.h"
#include "app/version.h"
#include "app/wiring.h"
#include "base/machine.h"
#include "base/pause.h"
#include "ingest/books.h"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds refresh_every{1};
constexpr std::chrono::seconds folder_refresh_every{5};  // opening the store to read costs more than asking a process
constexpr std::chrono::seconds rates_window{10};
constexpr std::chrono::milliseconds answer_wait{5'000};

std::vector<std::string> reasons_in(std::string_view body) {
  std::vector<std::string> reasons;
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(body);
  simdjson::ondemand::document document;
  simdjson::ondemand::array items;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return reasons;
  if (document["reasons"].get_array().get(items) != simdjson::SUCCESS) return reasons;
  for (auto item : items)
    if (std::string_view text; item.get_string().get(text) == simdjson::SUCCESS) reasons.emplace_back(text);
  return reasons;
}

double number(uint64_t value) { return static_cast<double>(value); }

// Where there is one, and it answers: it may be in a bucket.
Result<std::shared_ptr<const lake::Snapshot>> lake_of_folder(const Config& config, const DataFolder& folder) {
  if (!config.lake_enabled) return fail(Code::not_found, "lake.enabled is false");
  TRY_LET(const auto objects, open_objects_to_read(config, folder));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  return catalog->now();
}

// What a folder says without its process.
Result<Status> status_of_folder(const Config& config) {
  Files& files = system_files();
  TRY_LET(const DataFolder folder, look_into_data_folder(config.data, files));
  TRY_LET(const auto store, open_store_to_read(config, folder));
  TRY_LET(const auto journal, journal::open_journal_reader(folder.journal(), files));
  Status status;
  status.where = config.data;
  status.version = version();
  status.journal_begin = number(journal->begin());
  status.journal_end = number(journal->end());
  TRY_LET(const auto segments, files.list(folder.journal()));
  status.journal_bytes = 0;
  for (const FileInfo& segment : segments) *status.journal_bytes += number(segment.size);
  status.store_durable = status.store_visible = number(store->watermarks().durable);
  TRY_LET(const auto ledgers, store->ledgers());
  const auto books = [&](store::Outcome outcome) {
    uint64_t count = 0;
    for (const store::Ledger& ledger : ledgers) count += ledger.of(outcome).count;
    return number(count);
  };
  status.kept = books(store::Outcome::stored);
  status.repeats = books(store::Outcome::repeat);
  status.quarantined.total = books(store::Outcome::quarantined);
  if (const auto lake = lake_of_folder(config, folder); lake) {
    if (const auto mark = (*lake)->watermarks.find(journal->partition()); mark != (*lake)->watermarks.end())
      status.lake_end = number(mark->second.end);
    status.not_treated = number(rows_not_treated(**lake));
  }
  TRY_LET(const FileSystem disk, file_system_of(config.data));
  status.disk_free_bytes = number(disk.free_bytes);
  status.disk_size_bytes = number(disk.size_bytes);
  return status;
}

// Asks again and again; keeps the answers of the last seconds for the rates.
class Watcher {
 public:
  Watcher(const StatusOptions& options, Clock& clock, std::stop_token stop)
      : options_(options), clock_(clock), stop_(std::move(stop)) {}

  Result<Status> look() {
    if (!options_.url.empty()) return look_at_process(options_.url);
    const Result<std::string> url = serving_url(options_.config.data);
    if (!url && url.error().code != Code::not_found) return std::unexpected(url.error());
    if (!url) return status_of_folder(options_.config);
    Result<Status> status = look_at_process(*url);
    if (status || status.error().code != Code::unavailable) return status;
    // A killed process leaves its address behind. The lock tells whether one is there.
    const auto holder = lock_holder(join_path(options_.config.data, "LOCK"));
    if (!holder || !*holder) return status_of_folder(options_.config);
    Status silent;
    silent.state = State::no_answer;
    silent.where = *url;
    silent.reasons = {status.error().message, "process " + std::to_string(**holder) + " holds " + options_.config.data};
    return silent;
  }

  bool has_rates() const { return scrapes_.size() > 1; }

 private:
  Result<HttpAnswer> ask(const std::string& url, std::string_view path) {
    if (options_.url.empty()) return call_serving(options_.config, Ask::get, path);
    if (!client_) {
      TRY_LET(client_, open_http_client({.url = url,
                                         .connect_timeout = answer_wait,
                                         .answer_timeout = answer_wait,
                                         .trust = options_.trust,
                                         .bearer = options_.bearer,
                                         .stop = stop_}));
    }
    return client_->get({.path = path});
  }

  Result<Status> look_at_process(const std::string& url) {
    TRY_LET(const HttpAnswer readiness, ask(url, "/readyz"));
    TRY_LET(const HttpAnswer answer, ask(url, "/metrics"));
    constexpr int fine = 200;
    if (answer.status != fine) return fail(Code::denied, url + "/metrics answers " + std::to_string(answer.status));
    TRY_LET(MetricsText metrics, MetricsText::parse(answer.body));
    keep({.metrics = std::move(metrics), .at = clock_.steady()});
    Status status = status_of(scrapes_.back(), has_rates() ? &scrapes_.front() : nullptr, clock_.now());
    status.state = readiness.status == fine ? State::ready : State::not_ready;
    status.reasons = reasons_in(readiness.body);
    status.where = url;
    return status;
  }

  void keep(Scrape scrape) {
    constexpr const char* started = "process_start_time_seconds";
    if (!scrapes_.empty() && scrapes_.back().metrics.value(started) != scrape.metrics.value(started)) scrapes_.clear();
    scrapes_.push_back(std::move(scrape));
    while (scrapes_.size() > 2 && scrapes_.back().at - scrapes_[1].at >= rates_window) scrapes_.pop_front();
  }

  const StatusOptions& options_;
  Clock& clock_;
  std::stop_token stop_;
  std::unique_ptr<HttpClient> client_;
  std::deque<Scrape> scrapes_;
};

void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

// Where the process does not answer now, that is what there is to see; it may come back.
Status seen(const Result<Status>& status, const StatusOptions& options) {
  if (status) return *status;
  Status silent;
  silent.state = State::no_answer;
  silent.where = options.url.empty() ? options.config.data : options.url;
  silent.reasons = {status.error().message};
  return silent;
}

bool watch_live(Watcher& watcher, const StatusOptions& options, std::stop_token stop) {
  constexpr std::string_view hide_cursor = "\x1b[?25l";
  constexpr std::string_view show_cursor = "\x1b[?25h";
  write_out(std::string(hide_cursor));
  size_t drawn = 0;
  bool ready = false;
  while (!stop.stop_requested()) {
    const Status status = seen(watcher.look(), options);
    if (stop.stop_requested()) break;  // an answer that was broken off says nothing
    ready = status.state == State::ready;
    const std::vector<std::string> lines = layout(status);
    write_out(frame(lines, drawn));
    drawn = lines.size();
    pause(status.state == State::stopped ? folder_refresh_every : refresh_every, stop);
  }
  write_out(std::string(show_cursor));
  return ready;
}

}  // namespace

Watch watch_of_standard_output(Form form) {
  return form == Form::text && isatty(STDOUT_FILENO) == 1 ? Watch::live : Watch::once;
}

Result<bool> run_status(const StatusOptions& options, Clock& clock, std::stop_token stop) {
  Watcher watcher(options, clock, stop);
  if (options.watch == Watch::live) return watch_live(watcher, options, stop);
  TRY_LET(Status status, watcher.look());
  if (status.state == State::ready || status.state == State::not_ready) {
    pause(refresh_every, stop);  // two readings make a rate
    TRY_LET(status, watcher.look());
  }
  write_out(options.form == Form::json ? status_json(status) + '\n' : text_of(layout(status)));
  return status.state == State::ready;
}

}  // namespace waybill::app
