// notify/notifier.h — tells each webhook what it wants to know: at least once, of one order in order.
//
// Delivery: an event is told until its receiver answers 2xx. What was answered is remembered in standing files, at most
//           standing_every late: after a crash that much is told again, under the same ids.
// Order:    as notify/line.h. A webhook whose receiver fails down_after times in a row is tried with one event at a time, ever
//           less often; when it answers again, all that waits goes at once.
// Failure:  an event that fails for hold_max is given up where others got through meanwhile (the delivery log has it, replay()
//           tells it); where none did, or the receiver answers 410, the webhook is marked failed and told nothing more until
//           replay(). What cannot be signed has failed too. The outbox keeps what is younger than `keep`, and what a webhook
//           that has not failed still needs.
// Threads:  run() or step() in one thread; wake() and the questions from any.
// Limits:   hook_in_flight_max requests to one webhook at a time; waiting_max of notify/line.h.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <unordered_map>

#include "base/metrics.h"
#include "base/position.h"
#include "base/random.h"
#include "notify/delivery_log.h"
#include "notify/line.h"
#include "notify/signing.h"
#include "notify/transport.h"
#include "store/store.h"

namespace waybill::notify {

inline constexpr size_t hook_in_flight_max = 16;
inline constexpr unsigned down_after = 3;
inline constexpr std::chrono::milliseconds standing_every{1'000};
inline constexpr std::chrono::seconds retry_after_max{3'600};  // a receiver that asks for more gets this

struct NotifyOptions {
  std::string folder;
  std::chrono::hours keep{72};
  std::chrono::milliseconds retry_first{1'000};  // then doubled, give or take a quarter, up to …
  std::chrono::milliseconds retry_max{300'000};
  std::chrono::seconds hold_max{86'400};
  uint64_t seed = 1;  // of the give and take
};

struct NotifyParts {
  store::Store& store;
  Files& files;
  Clock& clock;
  Metrics& metrics;
  Transport& transport;
  const Signer& signer;
  std::function<Position(uint64_t)> position;  // of an offset
};

class Notifier {
 public:
  Notifier(const NotifyParts& parts, NotifyOptions options);
  ~Notifier();

  void run(std::stop_token stop);
  void step(std::chrono::milliseconds wait_most);
  void wake() { parts_.transport.wake(); }

  // not_found where there is no such webhook.
  Result<HookStanding> standing(const std::string& id);
  Result<DeliveryPage> deliveries(const std::string& id, const DeliveryQuery& query);
  // From an event's id, a position or a time on (RFC 3339) everything is told again; empty: from where it stands. invalid
  // where `from` is none of them. Kept before it returns.
  Result<void> replay(const std::string& id, const std::string& from);
  Result<void> ping(const std::string& id);  // sends a request of type "ping" soon; the delivery log has its end

 private:
  struct Course;  // of one webhook
  struct Flight {
    std::string hook;
    uint64_t generation = 0;
    std::optional<EventPlace> place;  // none: a ping
    Attempt attempt;
  };

  void refresh();
  std::unique_ptr<Course> open_course(const store::HookRow& row);
  Result<Course*> find(const std::string& id);
  std::string id_of(EventPlace place) const;
  Result<EventPlace> place_of(const std::string& from) const;
  Result<EventPlace> place_at(Time time) const;

  void fill(Course& course);
  void send_all(Course& course);
  bool send_next(Course& course);
  void send(Course& course, std::optional<EventPlace> place, const std::string& id, const std::string& type,
            std::string body);
  void take(const Answer& answer);
  void end(Course& course, Flight& flight, const Answer& answer);
  void took(Course& course, const Flight& flight);
  void missed(Course& course, Flight& flight, const Answer& answer);
  void mark_failed(Course& course, const std::string& why);
  std::chrono::milliseconds backoff(uint32_t attempt);
  Result<void> save(Course& course);
  void save_all();
  void publish();
  void drop_old();
  std::chrono::milliseconds until_due(std::chrono::milliseconds most) const;

  const NotifyParts parts_;
  const NotifyOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Course>> courses_;
  std::unordered_map<uint64_t, Flight> flights_;  // by ticket
  uint64_t ticket_ = 0;
  Random random_;
  std::optional<uint64_t> refreshed_at_;  // visible then
  std::optional<Moment> saved_at_;
  std::optional<Moment> dropped_at_;
};

}  // namespace waybill::notify
