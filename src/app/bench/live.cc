#include "app/bench/live.h"

#include <algorithm>
#include <charconv>
#include <deque>

#include "app/batch_answer.h"
#include "app/meter.h"
#include "base/process.h"

namespace waybill::app::bench {
namespace {

using Steady = std::chrono::steady_clock::time_point;

constexpr uint32_t paced_connections = 8;
constexpr std::chrono::milliseconds phone_waits{5};
constexpr std::chrono::seconds last_event_wait{1};
constexpr std::chrono::milliseconds look_every{10};

uint64_t in_us(Steady time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

void count_bad(LoadResult& result, const std::string& why) {
  if (result.bad++ == 0) result.first_bad = why;
}

struct Timings {
  LatencyBuckets latency;
  void write(LoadResult& result, double seconds) const {
    result.seconds = seconds;
    result.p50_us = static_cast<double>(latency.percentile_us(0.5));
    result.p99_us = static_cast<double>(latency.percentile_us(0.99));
  }
};

// What the three share.
struct Stage {
  const LiveOptions& options;
  Clock& clock;
  Loop& loop;
  LiveResult& result;
  Steady ends{};

  bool over() const { return clock.steady() >= ends; }
};

// The others: a POST every so often, on whichever connection is free.
class Others {
 public:
  explicit Others(Stage& stage)
      : stage_(stage),
        requests_(post_locations(stage.options.target,
                                 {.form = Form::array, .items = paced_items, .run = stage.options.run})),
        every_(std::chrono::duration_cast<Duration>(std::chrono::seconds(1)) * paced_items /
               stage.options.locations_per_second) {}

  Result<void> connect() {
    for (uint32_t i = 0; i < paced_connections; ++i) {
      TRY_LET(auto connection, stage_.loop.connect());
      phones_.push_back(std::make_unique<Phone>(*this, std::move(connection)));
      free_.push_back(phones_.back().get());
    }
    return {};
  }
  void start() {
    due_ = stage_.clock.steady();
    send_due();
  }
  bool waits() const {
    return std::ranges::any_of(phones_, [](const auto& phone) { return phone->waits(); });
  }
  void finish(double seconds) const {
    for (const auto& phone : phones_)
      if (phone->waits()) count_bad(stage_.result.others, "no answer within 10 s after the end");
    timings_.write(stage_.result.others, seconds);
  }

 private:
  class Phone final : public Caller {
   public:
    Phone(Others& others, std::unique_ptr<Connection> connection)
        : others_(others), connection_(std::move(connection)) {}
    bool waits() const { return waits_; }
    void send(Steady due) {
      others_.requests_->render(request_, others_.stage_.result.others.sent++);
      begun_ = due;
      waits_ = true;
      connection_->ask(request_, *this);
    }
    void answered(const Answer& answer) override {
      waits_ = false;
      LoadResult& result = others_.stage_.result.others;
      others_.timings_.latency.add(in_us(others_.stage_.clock.steady()) - in_us(begun_));
      if (others_.requests_->good(answer)) {
        ++result.good;
        others_.stage_.result.acknowledged += paced_items;
      } else {
        count_bad(result, error_text(answer.status, answer.body));
      }
      others_.free_.push_back(this);
    }
    void broken(const std::string& why) override {
      waits_ = false;
      count_bad(others_.stage_.result.others, why);
    }

   private:
    Others& others_;
    std::unique_ptr<Connection> connection_;
    std::string request_;
    Steady begun_{};
    bool waits_ = false;
  };

  // What could not be sent in time for want of a free connection is sent later, and its latency counts from when it was due.
  void send_due() {
    if (stage_.over()) return;
    const Steady now = stage_.clock.steady();
    for (; due_ <= now && !free_.empty(); due_ += every_) {
      Phone* phone = free_.front();
      free_.pop_front();
      phone->send(due_);
    }
    constexpr Duration soon{1'000};
    stage_.loop.after(due_ > now ? std::chrono::duration_cast<Duration>(due_ - now) : soon, [this] { send_due(); });
  }

  Stage& stage_;
  std::unique_ptr<Requests> requests_;
  Duration every_;
  std::vector<std::unique_ptr<Phone>> phones_;
  std::deque<Phone*> free_;
  Timings timings_;
  Steady due_{};
};

// A viewer of the phone's order.
class Viewer final : public Caller {
 public:
  Viewer(Stage& stage, std::unique_ptr<Connection> connection) : stage_(stage), connection_(std::move(connection)) {}

  void start() {
    request_ = get_text(stage_.options.target, "/v1/orders/" + order_name(0, stage_.options.run + 1) + "/live");
    connection_->stream(request_, *this);
  }
  bool watches() const { return watches_; }
  bool was_told_all() const { return stage_.result.watched.good >= stage_.result.watched.sent; }
  void finish(double seconds) const { timings_.write(stage_.result.watched, seconds); }

 private:
  void streamed(std::string_view piece) override {
    watches_ = true;  // the first is the stream's head and the snapshot; POSTs from here on are told
    const uint64_t now = in_us(stage_.clock.steady());
    events_.take(piece, [&](uint64_t sent_us) {
      ++stage_.result.watched.good;
      timings_.latency.add(now > sent_us ? now - sent_us : 0);
    });
  }
  void answered(const Answer& answer) override {
    count_bad(stage_.result.watched, "the stream ended with " + std::to_string(answer.status));
  }
  void broken(const std::string& why) override { count_bad(stage_.result.watched, why); }

  Stage& stage_;
  std::unique_ptr<Connection> connection_;
  std::string request_;
  EventReader events_;
  Timings timings_;
  bool watches_ = false;
};

// The phone: POST, GET, a pause, again.
class Phone final : public Caller {
 public:
  Phone(Stage& stage, Viewer& viewer, std::unique_ptr<Connection> posts, std::unique_ptr<Connection> gets)
      : stage_(stage),
        viewer_(viewer),
        posts_(std::move(posts)),
        gets_(std::move(gets)),
        get_(get_text(stage.options.target, "/v1/orders/" + order_name(0, stage.options.run + 1))) {}

  void post() {
    if (stage_.over()) return;
    LoadResult& result = stage_.result.read;
    begun_us_ = in_us(stage_.clock.steady());
    if (viewer_.watches()) ++stage_.result.watched.sent;
    post_ = probe_text(stage_.options.target, stage_.options.run + 1, result.sent++, begun_us_);
    step_ = Step::post;
    waits_ = true;
    posts_->ask(post_, *this);
  }
  bool waits() const { return waits_; }
  void finish(double seconds) const {
    if (waits_) count_bad(stage_.result.read, "no answer within 10 s after the end");
    timings_.write(stage_.result.read, seconds);
  }

 private:
  enum class Step : uint8_t { post, get };

  void answered(const Answer& answer) override {
    LoadResult& result = stage_.result.read;
    constexpr int ok = 200;
    if (answer.status != ok) {
      count_bad(result, error_text(answer.status, answer.body));
      return again();
    }
    if (step_ == Step::post) {
      ++stage_.result.acknowledged;
      step_ = Step::get;
      return gets_->ask(get_, *this);
    }
    timings_.latency.add(in_us(stage_.clock.steady()) - begun_us_);
    if (answer.body.find("\"sent_us\":" + std::to_string(begun_us_)) != std::string_view::npos)
      ++result.good;
    else
      count_bad(result, "GET after POST does not show it: " + error_text(answer.status, answer.body));
    if (result.sent == 1) viewer_.start();  // there is something to watch now
    again();
  }
  void broken(const std::string& why) override {
    waits_ = false;
    count_bad(stage_.result.read, why);
  }
  void again() {
    waits_ = false;
    stage_.loop.after(phone_waits, [this] { post(); });
  }

  Stage& stage_;
  Viewer& viewer_;
  std::unique_ptr<Connection> posts_;
  std::unique_ptr<Connection> gets_;
  std::string get_;
  std::string post_;
  Timings timings_;
  Step step_ = Step::post;
  uint64_t begun_us_ = 0;
  bool waits_ = false;
};

}  // namespace

void EventReader::take(std::string_view piece, const std::function<void(uint64_t sent_us)>& told) {
  constexpr std::string_view end = "\n\n";
  constexpr std::string_view mark = "\"sent_us\":";
  waiting_.append(piece);
  size_t begin = 0;
  for (size_t at = waiting_.find(end); at != std::string::npos; at = waiting_.find(end, begin)) {
    const std::string_view event = std::string_view(waiting_).substr(begin, at - begin);
    begin = at + end.size();
    const size_t found = event.find(mark);
    if (found == std::string_view::npos || event.find("event: snapshot") != std::string_view::npos) continue;
    uint64_t sent_us = 0;
    std::from_chars(event.data() + found + mark.size(), event.data() + event.size(), sent_us);
    told(sent_us);
  }
  waiting_.erase(0, begin);
}

Result<LiveResult> run_live(const LiveOptions& options, Clock& clock, const std::function<void()>& begin) {
  LiveResult result;
  const auto loop = open_loop(options.target);
  Stage stage{.options = options, .clock = clock, .loop = *loop, .result = result};
  Others others(stage);
  TRY(others.connect());
  TRY_LET(auto watching, loop->connect());
  TRY_LET(auto posts, loop->connect());
  TRY_LET(auto gets, loop->connect());
  Viewer viewer(stage, std::move(watching));
  Phone phone(stage, viewer, std::move(posts), std::move(gets));
  if (begin) begin();

  const Duration cpu = process_cpu_time();
  const Steady began = clock.steady();
  stage.ends = began + options.time;
  others.start();
  phone.post();
  const std::function<void()> end_where_all_is_done = [&] {
    const Steady now = clock.steady();
    const bool answered =
        !others.waits() && !phone.waits() && (viewer.was_told_all() || now >= stage.ends + last_event_wait);
    if (answered || now >= stage.ends + answer_wait_max) return loop->end();
    loop->after(look_every, end_where_all_is_done);
  };
  loop->after(options.time, end_where_all_is_done);
  loop->run(options.stop);
  result.others.cpu = process_cpu_time() - cpu;
  const double seconds = std::chrono::duration<double>(options.time).count();
  others.finish(seconds);
  viewer.finish(seconds);
  phone.finish(seconds);
  return result;
}

}  // namespace waybill::app::bench
