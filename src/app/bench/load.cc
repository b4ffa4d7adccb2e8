#include "app/bench/load.h"

#include <vector>

#include "app/batch_answer.h"
#include "app/meter.h"
#include "base/process.h"

namespace waybill::app::bench {
namespace {

using Steady = std::chrono::steady_clock::time_point;

uint64_t us_between(Steady from, Steady to) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(to - from).count());
}

class Load {
 public:
  Load(const LoadOptions& options, Clock& clock) : options_(options), clock_(clock), loop_(open_loop(options.target)) {}

  Result<void> connect() {
    senders_.reserve(options_.connections);
    for (uint32_t i = 0; i < options_.connections; ++i) {
      TRY_LET(auto connection, loop_->connect());
      senders_.push_back(std::make_unique<Sender>(*this, std::move(connection)));
    }
    return {};
  }

  LoadResult run() {
    const Duration cpu = process_cpu_time();
    const Steady begin = clock_.steady();
    ends_ = begin + options_.time;
    last_ = begin;
    for (const auto& sender : senders_) sender->go_on(begin);
    if (working_ > 0) {
      loop_->after(options_.time + answer_wait_max, [this] { loop_->end(); });
      loop_->run(options_.stop);
    }
    for (const auto& sender : senders_)
      if (sender->waits()) count_bad("no answer within 10 s after the end");
    result_.cpu = process_cpu_time() - cpu;
    result_.seconds = static_cast<double>(us_between(begin, last_)) / 1e6;
    result_.p50_us = static_cast<double>(latency_.percentile_us(0.5));
    result_.p99_us = static_cast<double>(latency_.percentile_us(0.99));
    return result_;
  }

 private:
  class Sender final : public Caller {
   public:
    Sender(Load& load, std::unique_ptr<Connection> connection) : load_(load), connection_(std::move(connection)) {}

    bool waits() const { return waits_; }

    void go_on(Steady now) {
      const auto number = load_.next(now);
      if (!number) return;
      load_.options_.requests.render(request_, *number);
      begun_ = now;
      waits_ = true;
      ++load_.working_;
      connection_->ask(request_, *this);
    }
    void answered(const Answer& answer) override {
      const Steady now = load_.clock_.steady();
      waits_ = false;
      --load_.working_;
      load_.count(answer, begun_, now);
      go_on(now);
      load_.end_where_all_is_done();
    }
    void broken(const std::string& why) override {
      waits_ = false;
      --load_.working_;
      load_.count_bad(why);
      load_.end_where_all_is_done();
    }

   private:
    Load& load_;
    std::unique_ptr<Connection> connection_;
    std::string request_;
    Steady begun_{};
    bool waits_ = false;
  };

  std::optional<uint64_t> next(Steady now) {
    if (now >= ends_ || (options_.requests_max && result_.sent == *options_.requests_max)) return std::nullopt;
    return result_.sent++;
  }

  void count(const Answer& answer, Steady begun, Steady now) {
    latency_.add(us_between(begun, now));
    last_ = now;
    if (options_.requests.good(answer))
      ++result_.good;
    else
      count_bad(error_text(answer.status, answer.body));
  }

  void count_bad(const std::string& why) {
    if (result_.bad++ == 0) result_.first_bad = why;
  }

  void end_where_all_is_done() {
    if (working_ == 0) loop_->end();
  }

  const LoadOptions& options_;
  Clock& clock_;
  std::unique_ptr<Loop> loop_;
  std::vector<std::unique_ptr<Sender>> senders_;
  LatencyBuckets latency_;
  LoadResult result_;
  Steady ends_{};
  Steady last_{};
  uint64_t working_ = 0;  // senders that wait for an answer
};

}  // namespace

Result<LoadResult> run_load(const LoadOptions& options, Clock& clock, const std::function<void()>& begin) {
  Load load(options, clock);
  TRY(load.connect());
  if (begin) begin();
  return load.run();
}

}  // namespace waybill::app::bench
