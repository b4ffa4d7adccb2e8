#include "ingest/line_door.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"
#include "base/random.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds ack_wait{1};  // then it looks whether more is offered
constexpr std::chrono::milliseconds retry_wait{200};

Error not_in_time() {
  return {Code::unavailable, "the broker does not answer in time; it may have it nevertheless: send it again"};
}

}  // namespace

LineDoor::LineDoor(broker::Broker& broker, broker::Line line, std::chrono::milliseconds wait_max, Clock& clock,
                   Metrics& metrics)
    : broker_(broker),
      line_(std::move(line)),
      wait_max_(wait_max),
      clock_(clock),
      door_(random_seed()),
      kept_(metrics.counter("waybill_line_offers_total", "requests whose records were offered to the broker",
                            {{"outcome", "kept"}})),
      failed_(metrics.counter("waybill_line_offers_total", "requests whose records were offered to the broker",
                              {{"outcome", "failed"}})),
      seconds_(metrics.histogram("waybill_line_offer_seconds", "until what was offered to the broker is kept",
                                 duration_bounds())) {}

Result<journal::Appended> LineDoor::offer(const journal::Records& records) {
  const auto begun = clock_.steady();
  const auto waiting = std::make_shared<Waiting>();
  waiting->count = records.size();
  std::unique_lock lock(mutex_);
  if (!open_) return fail(Code::unavailable, "the broker, which has to keep it, was not reached yet");
  if (away_ && waiting_.size() >= probes_max)
    return fail(Code::unavailable, "the broker, which has to keep it, does not answer");
  if (waiting_.size() >= offers_at_once_max)
    return fail(Code::overloaded, "more requests wait for the broker than we let");
  const uint64_t number = next_number_++;
  lock.unlock();
  waiting->message = encode(Offer{.door = door_, .number = number, .records = records});
  if (waiting->message.size() > offer_bytes_max)
    return fail(Code::invalid, "its records are " + std::to_string(waiting->message.size()) +
                                   " bytes together, the broker takes at most " + std::to_string(offer_bytes_max) +
                                   " at once: send fewer in one request");
  lock.lock();
  waiting_.emplace(number, waiting);
  queue_.push_back(waiting);
  offered_.notify_one();
  waiting->changed.wait_for(lock, wait_max_, [&] { return waiting->is_over(); });
  waiting_.erase(number);
  if (waiting->error || !waiting->is_over()) {
    waiting->left = true;
    std::erase(queue_, waiting);
    failed_.add();
    return std::unexpected(waiting->error.value_or(not_in_time()));
  }
  lock.unlock();
  kept_.add();
  seconds_.observe(std::chrono::duration<double>(clock_.steady() - begun).count());
  return journal::Appended{.first = *waiting->first, .count = waiting->count};
}

void LineDoor::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

void LineDoor::came(uint64_t door, uint64_t number, uint64_t first) {
  if (door != door_) return;
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;  // its time was over
  found->second->first = first;
  if (found->second->is_over()) found->second->changed.notify_one();
}

void LineDoor::run(const std::stop_token& stop) {
  while (wait_for_offers(stop)) {
    Result<void> done = send();
    if (done) done = confirm();
    if (done) continue;
    log::warning("what is posted does not get to the broker", {{"why", done.error().message}});
    give_up(done.error());
    pause(retry_wait, stop);
  }
  give_up({Code::unavailable, "the process stops"});
}

// False: it is to stop. Does not wait while something is under way.
bool LineDoor::wait_for_offers(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (under_way_.empty()) offered_.wait(lock, stop, [this] { return !queue_.empty(); });
  return !stop.stop_requested();
}

Result<void> LineDoor::send() {
  if (!outbox_) {
    TRY_LET(outbox_, broker_.send_to(line_));
    acknowledged_ = 0;
  }
  while (true) {
    WaitingPtr next;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return {};
      next = queue_.front();
    }
    const Result<void> sent = outbox_->send({}, as_bytes(next->message));
    if (!sent && sent.error().code == Code::overloaded && !under_way_.empty()) return {};
    if (!sent) return sent;
    under_way_.push_back(next);
    const std::lock_guard lock(mutex_);
    std::erase(queue_, next);
  }
}

// Nobody waits any longer for the oldest: then all that is under way is let go of, so that it does not come much later.
Result<void> LineDoor::confirm() {
  const auto now_known = outbox_->acknowledged(acknowledged_, ack_wait);
  if (!now_known && now_known.error().code != Code::unavailable) return std::unexpected(now_known.error());
  const std::lock_guard lock(mutex_);
  for (; now_known && acknowledged_ < *now_known && !under_way_.empty(); ++acknowledged_) {
    Waiting& kept = *under_way_.front();
    kept.acknowledged = true;
    if (kept.is_over()) kept.changed.notify_one();
    under_way_.pop_front();
    away_ = false;
  }
  if (under_way_.empty() || !under_way_.front()->left) return {};
  return fail(Code::unavailable, now_known ? "it is not acknowledged in time" : now_known.error().message);
}

void LineDoor::give_up(const Error& error) {
  outbox_.reset();
  const std::lock_guard lock(mutex_);
  away_ = true;
  for (auto* several : {&under_way_, &queue_}) {
    for (const WaitingPtr& waiting : *several) {
      waiting->error = Error{Code::unavailable, error.message + "; it may be kept nevertheless: send it again"};
      waiting->changed.notify_one();
    }
    several->clear();
  }
}

}  // namespace waybill::ingest
