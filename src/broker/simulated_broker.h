// broker/simulated_broker.h — a broker in memory that loses, repeats and goes away on purpose, for tests.
//
// Keeps: as it is made; else it acknowledges what it loses. Threads: all methods from any thread.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "base/random.h"
#include "broker/broker.h"

namespace waybill::broker {

struct SimulatedBrokerOptions {
  bool keeps = true;
  uint64_t seed = 1;
  double lose = 0;    // the share of messages that are acknowledged and never come; only of one that does not keep
  double repeat = 0;  // the share that come twice
  double fail = 0;    // the share of calls that answer unavailable
};

class SimulatedBroker final : public Broker {
 public:
  explicit SimulatedBroker(const SimulatedBrokerOptions& options) : options_(options), random_(options.seed) {}
  bool keeps() const override { return options_.keeps; }
  Result<std::unique_ptr<Outbox>> send_to(const Line& line) override {
    TRY(reach());
    return std::make_unique<SimulatedOutbox>(*this, line_of(line));
  }
  Result<std::unique_ptr<Inbox>> receive_from(const Line& line) override {
    TRY(reach());
    return std::make_unique<SimulatedInbox>(*this, line_of(line));
  }
  Result<void> make(const Line&) override { return reach(); }

  // While it is away everything answers unavailable, and one that does not keep has forgotten what was not received.
  void go_away() {
    const std::lock_guard lock(mutex_);
    away_ = true;
    if (options_.keeps) return;
    for (auto& [name, content] : lines_) content.begin = content.messages.size();
  }
  void come_back() {
    const std::lock_guard lock(mutex_);
    away_ = false;
  }
  // A line is there again, empty: who sends to it gets a conflict.
  void make_anew(const Line& line) {
    const std::lock_guard lock(mutex_);
    line_of_locked(line) = {.messages = {}, .begin = 0, .age = line_of_locked(line).age + 1};
  }
  // All but a line's newest messages are let go of.
  void keep_only(const Line& line, uint64_t count) {
    const std::lock_guard lock(mutex_);
    Content& content = line_of_locked(line);
    if (content.messages.size() > count) content.begin = content.messages.size() - count;
  }

 private:
  struct Content {
    std::vector<Message> messages;
    uint64_t begin = 0;  // the first that is still there
    int age = 0;         // how often it was made anew
  };
  class SimulatedOutbox final : public Outbox {
   public:
    SimulatedOutbox(SimulatedBroker& broker, Content& line) : broker_(broker), line_(line), age_(line.age) {}
    Result<void> send(std::string_view key, Bytes bytes) override {
      const std::lock_guard lock(broker_.mutex_);
      if (bytes.size() > message_bytes_max) return fail(Code::invalid, "simulated: too large");
      if (broker_.away_) return fail(Code::overloaded, "simulated: away");
      if (line_.age != age_) return fail(Code::conflict, "simulated: made anew");
      ++sent_;
      if (!broker_.options_.keeps && broker_.random_.chance(broker_.options_.lose)) return {};
      for (int times = broker_.random_.chance(broker_.options_.repeat) ? 2 : 1; times > 0; --times)
        line_.messages.push_back(
            {.place = line_.messages.size(), .key = std::string(key), .bytes = std::string(as_text(bytes))});
      broker_.come_.notify_all();
      return {};
    }
    Result<uint64_t> acknowledged(uint64_t, std::chrono::milliseconds) override {
      TRY(broker_.reach());
      return sent_;
    }

   private:
    SimulatedBroker& broker_;
    Content& line_;
    const int age_;
    uint64_t sent_ = 0;
  };

  class SimulatedInbox final : public Inbox {
   public:
    SimulatedInbox(SimulatedBroker& broker, Content& line) : broker_(broker), line_(line) {
      const std::lock_guard lock(broker.mutex_);
      next_ = line.messages.size();
    }
    Result<std::vector<Message>> receive(std::chrono::milliseconds at_most) override {
      TRY(broker_.reach());
      std::unique_lock lock(broker_.mutex_);
      broker_.come_.wait_for(lock, at_most, [&] { return line_.messages.size() > next_; });
      if (next_ < line_.begin) {
        if (broker_.options_.keeps) return fail(Code::not_found, "simulated: let go of");
        next_ = line_.begin;
      }
      std::vector<Message> come(line_.messages.begin() + static_cast<ptrdiff_t>(next_), line_.messages.end());
      next_ = line_.messages.size();
      return come;
    }
    Result<Places> places() override {
      TRY(broker_.reach());
      const std::lock_guard lock(broker_.mutex_);
      return broker_.options_.keeps ? Places{.begin = line_.begin, .end = line_.messages.size()} : Places{};
    }
    Result<void> seek(uint64_t place) override {
      TRY_LET(const Places kept, places());
      if (place < kept.begin || place > kept.end || kept.end == 0)
        return fail(Code::invalid, "simulated: no such place");
      next_ = place;
      return {};
    }

   private:
    SimulatedBroker& broker_;
    Content& line_;
    uint64_t next_ = 0;
  };

  Result<void> reach() {
    const std::lock_guard lock(mutex_);
    if (away_ || random_.chance(options_.fail)) return fail(Code::unavailable, "simulated: away");
    return {};
  }
  Content& line_of(const Line& line) {
    const std::lock_guard lock(mutex_);
    return line_of_locked(line);
  }
  Content& line_of_locked(const Line& line) { return lines_[line.topic + '/' + std::to_string(line.partition)]; }

  const SimulatedBrokerOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable come_;
  Random random_;
  bool away_ = false;
  std::map<std::string, Content> lines_;
};

}  // namespace waybill::broker
