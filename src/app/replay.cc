#include "app/replay.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <thread>

#include <simdjson.h>

#include "app/batch_answer.h"
#include "app/http_client.h"
#include "app/meter.h"
#include "app/replay_progress.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/pause.h"
#include "wire/time_text.h"

namespace waybill::app {
namespace {

using Steady = std::chrono::steady_clock::time_point;

// Lines that make one request, as NDJSON.
struct Batch {
  std::string body;
  std::vector<uint64_t> numbers;  // of the lines
  std::vector<size_t> ends;       // of each in the body, its line break included

  void add(const Line& line) {
    body += line.text;
    body += '\n';
    numbers.push_back(line.number);
    ends.push_back(body.size());
  }
  size_t size() const { return numbers.size(); }
};

// What the reader and the connections share.
struct Run {
  const ReplayOptions& options;
  const std::string& whose;
  Meter& meter;
  Clock& clock;
  Steady began;
  LinesDone lines_done;
  Guarded<SentCounts> counts{};
  std::atomic<bool> answered{false};
  std::stop_source stop{};
  Guarded<std::optional<Error>> error{};
  Guarded<std::string> last_position{};
  std::atomic<uint64_t> told{0};

  void fail_with(Error failed) {
    error.with([&](auto& first) {
      if (!first) first = std::move(failed);
    });
    stop.request_stop();
  }
  void refuse(uint64_t line, const std::string& field, const std::string& reason) {
    constexpr uint64_t told_max = 10;  // the rest is only counted
    meter.count_rejected(1);
    if (told++ >= told_max) return;
    if (whose.empty())
      log::warning("a location was refused", {{"line", line}, {"field", field}, {"reason", reason}});
    else
      log::warning("a location was refused", {{"file", whose}, {"line", line}, {"field", field}, {"reason", reason}});
  }
  // A batch is answered for good; nobody sees its lines done and not counted.
  void close(uint64_t first_line, const SentCounts& of_batch) {
    counts.with([&](SentCounts& all) {
      all += of_batch;
      lines_done.close(first_line);
    });
  }
  SentSoFar reached() {
    SentSoFar now{.lines = 0, .last_position = last_position.with([](const std::string& last) { return last; })};
    counts.with([&](const SentCounts& all) {
      now.counts = all;
      now.lines = lines_done.done();
    });
    return now;
  }
};

// One connection: batches come in by push(), in order, and go out the same way.
class Lane {
 public:
  Lane(Run& run, HttpClient& client) : run_(run), client_(client) {}

  // Waits while batches_waiting_max are there. False: stopped, the batch is not taken.
  bool push(Batch batch) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, run_.stop.get_token(), [&] { return waiting_.size() < batches_waiting_max; }))
      return false;
    waiting_.push_back(std::move(batch));
    changed_.notify_all();
    return true;
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  void work() {
    const std::stop_token stop = run_.stop.get_token();
    while (true) {
      Batch batch;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return closed_ || !waiting_.empty(); }) || waiting_.empty()) return;
        batch = std::move(waiting_.front());
        waiting_.pop_front();
        changed_.notify_all();
      }
      counts_ = {};
      if (!send(batch, 0, batch.size())) return;
      run_.close(batch.numbers.front(), counts_);
    }
  }

 private:
  // Sends the batch's lines [from, to) until they are answered for good. False: stopped before.
  bool send(const Batch& batch, size_t from, size_t to) {
    const size_t begin = from == 0 ? 0 : batch.ends[from - 1];
    const HttpRequest request{.path = "/v1/locations",
                              .body = std::string_view(batch.body).substr(begin, batch.ends[to - 1] - begin),
                              .headers = {"Content-Type: application/x-ndjson"}};
    for (unsigned attempt = 1; !run_.stop.stop_requested(); ++attempt) {
      const auto answer = client_.post(request);
      if (!answer) {
        not_answered(answer.error());
        pause(retry_wait(attempt, nullptr), run_.stop.get_token());
        continue;
      }
      run_.answered = true;
      switch (verdict_of(answer->status)) {
        case Verdict::taken: return taken(batch, from, to, *answer);
        case Verdict::refused: return refused(batch, from, to, *answer);
        case Verdict::barred:
          run_.fail_with({answer->status == 404 ? Code::not_found : Code::denied,
                          run_.options.url + ": " + error_text(answer->status, answer->body)});
          return false;
        case Verdict::retry: run_.meter.count_retry(); pause(retry_wait(attempt, &*answer), run_.stop.get_token());
      }
    }
    return false;
  }

  bool taken(const Batch& batch, size_t from, size_t to, const HttpAnswer& answer) {
    const auto read = read_batch_answer(answer.body);
    if (!read) {
      run_.fail_with(read.error());
      return false;
    }
    uint64_t failed = 0;
    for (const auto& failure : read->failures) {
      if (failure.item >= to - from) continue;
      run_.refuse(batch.numbers[from + failure.item], failure.field, failure.reason);
      ++failed;
    }
    if (!read->last_position.empty()) run_.last_position.with([&](std::string& last) { last = read->last_position; });
    const uint64_t accepted = to - from - std::min(failed, uint64_t{to - from});
    run_.meter.count_sent(accepted, answer.latency);
    counts_ += {.accepted = accepted, .quarantined = failed};
    return true;
  }

  // The server takes nothing of such a request. Where it does not blame every line, halves find out which one it means.
  bool refused(const Batch& batch, size_t from, size_t to, const HttpAnswer& answer) {
    if (const auto read = read_batch_answer(answer.body); read && read->failures.size() == to - from) {
      for (const auto& failure : read->failures)
        run_.refuse(batch.numbers[from + std::min(failure.item, to - from - 1)], failure.field, failure.reason);
      counts_.refused += to - from;
      return true;
    }
    if (to - from == 1) {
      run_.refuse(batch.numbers[from], "", error_text(answer.status, answer.body));
      ++counts_.refused;
      return true;
    }
    const size_t middle = from + (to - from) / 2;
    return send(batch, from, middle) && send(batch, middle, to);
  }

  void not_answered(const Error& error) {
    if (run_.stop.stop_requested()) return;
    run_.meter.count_retry();
    const bool never = !run_.answered && run_.clock.steady() - run_.began > first_answer_wait;
    if (error.code != Code::unavailable || never) run_.fail_with(error);
  }

  Run& run_;
  HttpClient& client_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Batch> waiting_;
  SentCounts counts_;  // of the batch under way
  bool closed_ = false;
};

// What the reader needs to know of a line.
class LineFacts {
 public:
  // False where the line is not an object: then the facts are empty, and the server says what is wrong.
  bool read(const std::string& text) {
    whose.clear();
    time.reset();
    simdjson::dom::element root;
    if (parser_.parse(text).get(root) || !root.is_object()) return false;
    whose = id_of(root["deliverer_id"], "d");
    if (whose.empty()) whose = id_of(root["order_id"], "o");
    std::string_view written;
    double number = 0;
    if (!root["timestamp"].get(written)) {
      if (const auto parsed = wire::parse_time(written)) time = parsed->time;
    } else if (!root["timestamp"].get(number)) {
      if (const auto parsed = wire::parse_epoch(number)) time = parsed->time;
    }
    return true;
  }

  std::string whose;
  std::optional<Time> time;

 private:
  static std::string id_of(simdjson::simdjson_result<simdjson::dom::element> field, const char* kind) {
    std::string_view text;
    int64_t number = 0;
    if (!field.get(text)) return kind + std::string(text);
    if (!field.get(number)) return kind + std::to_string(number);
    return {};
  }
  simdjson::dom::parser parser_;
};

// Reads the file and deals its lines out to the lanes, at their time.
class Reader {
 public:
  Reader(Run& run, std::vector<std::unique_ptr<Lane>>& lanes, uint64_t already)
      : run_(run), lanes_(lanes), filling_(lanes.size()), already_(already) {}

  // What was read before the file turned out to be damaged is sent.
  Result<void> read(Lines& lines) {
    auto result = read_to_end(lines);
    flush();
    return result;
  }

 private:
  Result<void> read_to_end(Lines& lines) {
    while (!run_.stop.stop_requested()) {
      TRY_LET(const std::optional<Line> line, lines.next());
      if (!line) break;
      if (line->number <= already_) continue;
      if (line->too_long) {
        run_.refuse(line->number, "", "longer than " + std::to_string(line_bytes_max) + " bytes");
        run_.counts.with([](SentCounts& all) { ++all.refused; });
      } else {
        deal(*line);
      }
      run_.lines_done.read_to(line->number);
    }
    return {};
  }

  void deal(const Line& line) {
    const bool timed = std::isfinite(run_.options.speed);
    if (timed || lanes_.size() > 1) facts_.read(line.text);
    if (timed && facts_.time) wait_until_due(*facts_.time);
    const size_t to = lanes_.size() == 1 ? 0 : hash64(as_bytes(facts_.whose)) % lanes_.size();
    Batch& batch = filling_[to];
    if (batch.size() > 0 && batch.body.size() + line.text.size() > batch_bytes_max) push(to);
    if (batch.size() == 0) run_.lines_done.open(line.number);
    batch.add(line);
    if (batch.size() >= run_.options.batch) push(to);
  }

  void wait_until_due(Time time) {
    if (!first_time_) {
      first_time_ = time;
      first_at_ = run_.clock.steady();
    }
    const Duration after(std::llround(static_cast<double>((time - *first_time_).count()) / run_.options.speed));
    if (first_at_ + after <= run_.clock.steady()) return;
    flush();  // what was due before goes before
    pause(first_at_ + after - run_.clock.steady(), run_.stop.get_token());
  }

  void push(size_t to) { lanes_[to]->push(std::exchange(filling_[to], {})); }
  void flush() {
    for (size_t i = 0; i < lanes_.size(); ++i)
      if (filling_[i].size() > 0) push(i);
  }

  Run& run_;
  std::vector<std::unique_ptr<Lane>>& lanes_;
  std::vector<Batch> filling_;
  uint64_t already_;
  LineFacts facts_;
  std::optional<Time> first_time_;
  Steady first_at_{};
};

// The progress file: read at the start, written about once a second, removed at the end.
class ProgressFile {
 public:
  explicit ProgressFile(const ReplayOptions& options)
      : path_(options.progress), file_(options.lines.path), url_(options.url) {
    if (path_.empty() && file_ != "-") path_ = file_ + ".waybill-replay";
  }

  // The lines that this server has already; 0 where there is nothing to go on from.
  Result<uint64_t> already(HttpClient& client) {
    if (path_.empty()) return 0;
    if (file_ != "-") {
      TRY_LET(head_, head_of(file_));
    }
    auto content = read_file(system_files(), path_);
    if (!content && content.error().code == Code::not_found) return 0;
    if (!content) return fail_in(path_, content.error());
    auto progress = read_progress(*content);
    if (!progress) return fail_in(path_, progress.error());
    const std::string doubt = reason_to_start_over(*progress, client);
    if (doubt.empty()) {
      log::info("going on where the last replay stopped", {{"line", progress->lines + 1}, {"progress", path_}});
      return progress->lines;
    }
    log::warning("starting at the first line", {{"why", doubt}, {"progress", path_}});
    return 0;
  }

  // A folder that cannot be written to is no reason not to replay: it is said once.
  void save(uint64_t lines, const std::string& last_position) {
    if (path_.empty() || lines == saved_ || broken_) return;
    const ReplayProgress progress{.lines = lines, .head = head_, .url = url_, .last_position = last_position};
    if (auto written = write_file_atomically(system_files(), path_, progress_json(progress)); !written) {
      broken_ = true;
      log::warning("the progress cannot be kept: after a break the replay would start over",
                   {{"why", written.error().message}});
      return;
    }
    saved_ = lines;
  }
  void remove() {
    if (saved_ > 0 || (!path_.empty() && system_files().info(path_))) (void)system_files().remove(path_);
  }
  const std::string& path() const { return path_; }

 private:
  std::string reason_to_start_over(const ReplayProgress& progress, HttpClient& client) const {
    if (progress.url != url_) return "the progress is another server's, " + progress.url;
    if (file_ != "-") {
      const auto head = progress.head.bytes == 0 ? Result<FileHead>(FileHead{}) : head_of(file_, progress.head.bytes);
      if (!head || *head != progress.head) return "the progress is another file's";
    }
    if (progress.last_position.empty()) return {};
    const auto answer = client.get({.path = "/v1/custody/" + progress.last_position, .body = {}, .headers = {}});
    if (answer && answer->status == 404) return "the server does not have what was sent to it";
    return {};
  }

  std::string path_, file_, url_;
  FileHead head_;
  uint64_t saved_ = 0;
  bool broken_ = false;
};

void watch(Run& run, const SendOptions& options, const std::stop_token& over) {
  ProgressLine line(run.meter, standard_error_terminal(), run.began);
  Steady shown = run.began, saved = run.began;
  constexpr std::chrono::milliseconds look{50};
  constexpr std::chrono::seconds save_pace{1};
  while (!over.stop_requested()) {
    pause(look, over);
    const Steady now = run.clock.steady();
    if (now - saved >= save_pace) {
      options.save(run.reached());
      saved = now;
    }
    if (now - shown >= line.pace()) {
      line.show(now, options.share_done);
      shown = now;
    }
  }
  line.leave();
}

Result<void> check_replay(const ReplayOptions& options) {
  if (options.lines.path.empty()) return fail(Code::invalid, "replay: a file is needed, or - for standard input");
  return {};
}

Result<void> check_sending(const ReplayOptions& options) {
  if (options.batch == 0 || options.connections == 0)
    return fail(Code::invalid, "replay: batch and connections begin at 1");
  if (!(options.speed >= 1)) return fail(Code::invalid, "replay: speed begins at 1");
  return {};
}

void print_summary(const MeterReading& reading, double seconds) {
  std::printf("%s",
              (progress_text(reading, static_cast<double>(reading.sent) / std::max(seconds, 1e-6), {}) + '\n').c_str());
  std::fflush(stdout);
}

}  // namespace

SentCounts& SentCounts::operator+=(const SentCounts& other) {
  accepted += other.accepted;
  quarantined += other.quarantined;
  refused += other.refused;
  return *this;
}

Result<SendOutcome> send_lines(Lines& lines, uint64_t already, const SendOptions& options) {
  const ReplayOptions& replay = options.replay;
  TRY(check_sending(replay));
  Run run{.options = replay,
          .whose = options.whose,
          .meter = options.meter,
          .clock = options.clock,
          .began = options.clock.steady(),
          .lines_done = LinesDone(already)};
  std::stop_callback pass_on(options.stop, [&run] { run.stop.request_stop(); });
  std::vector<std::unique_ptr<HttpClient>> clients(replay.connections);
  std::vector<std::unique_ptr<Lane>> lanes;
  for (auto& client : clients) {
    TRY_LET(client,
            open_http_client(
                {.url = replay.url, .trust = replay.trust, .bearer = replay.bearer, .stop = run.stop.get_token()}));
    lanes.push_back(std::make_unique<Lane>(run, *client));
  }

  // Beyond this point nothing is opened; things are only used.
  std::jthread watcher([&](const std::stop_token& over) { watch(run, options, over); });
  {
    std::vector<std::jthread> threads;
    for (auto& lane : lanes) threads.emplace_back([&lane] { lane->work(); });
    if (auto read = Reader(run, lanes, already).read(lines); !read)
      run.error.with([&](auto& first) { first = read.error(); });
    for (auto& lane : lanes) lane->close();
  }
  watcher.request_stop();
  watcher.join();
  return SendOutcome{.reached = run.reached(),
                     .stopped = run.stop.stop_requested(),
                     .error = run.error.with([](const auto& first) { return first; })};
}

Result<void> run_replay(const ReplayOptions& options, Clock& clock, std::stop_token stop) {
  TRY(check_replay(options));
  TRY(check_sending(options));
  auto opened = open_lines(options.lines);
  if (!opened) return fail_in("replay", opened.error());
  ProgressFile progress(options);
  TRY_LET(const auto asker,
          open_http_client({.url = options.url, .trust = options.trust, .bearer = options.bearer, .stop = stop}));
  TRY_LET(const uint64_t already, progress.already(*asker));
  Meter meter;
  const Steady began = clock.steady();
  const auto save = [&](const SentSoFar& reached) { progress.save(reached.lines, reached.last_position); };
  TRY_LET(SendOutcome sent,
          send_lines(**opened, already,
                     {.replay = options, .meter = meter, .clock = clock, .save = save, .stop = std::move(stop)}));
  const MeterReading reading = meter.read();
  print_summary(reading, std::chrono::duration<double>(clock.steady() - began).count());

  if (sent.stopped || sent.error)
    save(sent.reached);
  else
    progress.remove();
  if (sent.error) return fail_in("replay", std::move(*sent.error));
  if (sent.stopped)
    return fail(Code::unavailable, "replay: stopped behind line " + std::to_string(sent.reached.lines) +
                                       (progress.path().empty() ? "" : "; the same command goes on there"));
  if (reading.rejected > 0)
    return fail(Code::invalid, "replay: " + std::to_string(reading.rejected) + " of " +
                                   std::to_string(reading.rejected + reading.sent) + " locations were refused");
  return {};
}

std::optional<double> parse_speed(std::string_view text) {
  if (text == "max") return speed_max;
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(speed) || speed < 1) return {};
  return speed;
}

Result<std::map<std::string, std::string>> parse_columns(std::string_view text) {
  std::map<std::string, std::string> columns;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == pair.size())
      return fail(Code::invalid, "map: '" + std::string(pair) + "', expected ours=theirs,…");
    if (!columns.try_emplace(std::string(pair.substr(0, equals)), pair.substr(equals + 1)).second)
      return fail(Code::invalid, "map: " + std::string(pair.substr(0, equals)) + " is given twice");
  }
  return columns;
}

}  // namespace waybill::app
