// broker/simulated_topics.h — a server in memory that holds what is published until a listener confirms it, and breaks connections on
// purpose, for tests.
//
// Threads: all methods from any thread; one listener at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/random.h"
#include "broker/listener.h"

namespace waybill::broker {

class SimulatedTopics {
 public:
  explicit SimulatedTopics(double fail = 0, uint64_t seed = 1) : fail_(fail), random_(seed) {}

  void publish(const std::string& topic, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    held_.push_back({.topic = topic, .bytes = bytes});
    come_.notify_all();
  }
  size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }
  // What was given and is not confirmed comes again.
  void cut() {
    const std::lock_guard lock(mutex_);
    ++connection_;
    given_ = 0;
  }
  void refuse_from_now_on(bool refuse) {
    const std::lock_guard lock(mutex_);
    refuses_ = refuse;
  }

  std::unique_ptr<Listener> listen() {
    cut();
    return std::make_unique<SimulatedListener>(*this);
  }

 private:
  class SimulatedListener final : public Listener {
   public:
    explicit SimulatedListener(SimulatedTopics& topics) : topics_(topics) {}
    Result<std::vector<Heard>> hear(std::chrono::milliseconds at_most) override {
      std::unique_lock lock(topics_.mutex_);
      if (asked_for_) return fail(Code::invalid, "simulated: what was heard before is not confirmed");
      if (topics_.refuses_) return fail(Code::denied, "simulated: refused");
      if (topics_.random_.chance(topics_.fail_)) return fail(Code::unavailable, "simulated: away");
      topics_.come_.wait_for(lock, at_most, [&] { return !topics_.held_.empty(); });
      topics_.given_ = std::min(topics_.held_.size(), heard_messages_max);
      connection_ = topics_.connection_;
      asked_for_ = topics_.given_ > 0;
      return std::vector<Heard>(topics_.held_.begin(), topics_.held_.begin() + static_cast<ptrdiff_t>(topics_.given_));
    }
    void confirm() override {
      const std::lock_guard lock(topics_.mutex_);
      asked_for_ = false;
      if (connection_ != topics_.connection_) return;
      topics_.held_.erase(topics_.held_.begin(), topics_.held_.begin() + static_cast<ptrdiff_t>(topics_.given_));
      topics_.given_ = 0;
    }

   private:
    SimulatedTopics& topics_;
    int connection_ = 0;
    bool asked_for_ = false;
  };

  const double fail_;
  mutable std::mutex mutex_;
  std::condition_variable come_;
  Random random_;
  std::deque<Heard> held_;
  size_t given_ = 0;  // of these, from the first on
  int connection_ = 0;
  bool refuses_ = false;
};

}  // namespace waybill::broker
