#include "notify/notifier.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "notify/standing_file.h"
#include "wire/event_out.h"
#include "wire/time_text.h"

namespace waybill::notify {
namespace {

constexpr std::chrono::milliseconds idle_wait{500};
constexpr std::chrono::seconds drop_every{60};
constexpr size_t page_events = 500;

std::string whose(const Event& event) {
  if (event.order) return "o" + event.order->text;
  return event.deliverer ? "d" + event.deliverer->text : std::string();
}

std::string body_of(const std::string& id, const std::string& type, const Event& event, const std::string& position) {
  wire::JsonWriter json;
  json.begin_object().key("id").text(id).key("type").text(type).key("timestamp").time(event.received_at).key("data");
  wire::write_event(json, event, position, event.received_at);  // the age that it had: the same whenever it is told
  json.end_object();
  return json.take();
}

std::string ping_body(const std::string& id, Time now) {
  wire::JsonWriter json;
  json.begin_object().key("id").text(id).key("type").text("ping").key("timestamp").time(now).key("data");
  json.begin_object().end_object().end_object();
  return json.take();
}

// So that a webhook that is away is not a file written and synced each second.
std::chrono::seconds in_minutes(Moment::duration time) { return std::chrono::floor<std::chrono::minutes>(time); }

std::unexpected<Error> not_a_place() {
  return fail(Code::invalid, "from: expected an event's id, a position that this journal gave, or a time");
}

Labels labels(const std::string& id) { return {{"hook", id}}; }

}  // namespace

struct Notifier::Course {
  store::HookRow row;
  Line line;
  DeliveryLog log;
  bool failed = false;
  std::string why;
  std::chrono::seconds failing_before{};  // the first event of the line, before this process began
  EventPlace failing_place{};
  std::chrono::seconds down_before{};    // for so long nothing had got through then
  std::optional<Moment> in_vain_since;   // the first failure that no success followed
  uint64_t generation = 0;  // answers to what was sent before a replay count for nothing
  size_t in_flight = 0;
  size_t stale_in_flight = 0;    // of those, sent before a replay: nothing goes until they are back
  unsigned failures_in_a_row = 0;
  Moment pause_until{};
  std::optional<uint64_t> read_at;  // visible, when the outbox had no more
  bool ping = false;
  std::optional<Standing> saved;
  Counter* delivered = nullptr;
  Counter* failures = nullptr;
  Counter* given_up = nullptr;
  Gauge* lag = nullptr;
  Gauge* marked_failed = nullptr;
};

Notifier::Notifier(const NotifyParts& parts, NotifyOptions options)
    : parts_(parts), options_(std::move(options)), random_(options_.seed) {
  parts_.metrics.before_expose([this] {
    std::lock_guard lock(mutex_);
    publish();
  });
}
Notifier::~Notifier() = default;

void Notifier::run(std::stop_token stop) {
  const std::stop_callback wake_up(stop, [this] { wake(); });
  while (!stop.stop_requested()) step(idle_wait);
  std::lock_guard lock(mutex_);
  saved_at_.reset();
  save_all();
}

void Notifier::step(std::chrono::milliseconds wait_most) {
  {
    std::lock_guard lock(mutex_);
    refresh();
    for (auto& [id, course] : courses_) {
      fill(*course);
      send_all(*course);
    }
    wait_most = until_due(wait_most);
  }
  const std::vector<Answer> answers = parts_.transport.wait(wait_most);
  std::lock_guard lock(mutex_);
  for (const Answer& answer : answers) take(answer);
  save_all();
  drop_old();
}

// ---- which webhooks there are

void Notifier::refresh() {
  const uint64_t visible = parts_.store.watermarks().visible;
  if (refreshed_at_ == visible) return;
  const auto hooks = parts_.store.hooks();
  if (!hooks) {
    log::error("the webhooks cannot be read", {{"why", hooks.error().message}});
    return;
  }
  refreshed_at_ = visible;
  for (const store::HookRow& row : *hooks) {
    const auto known = courses_.find(row.hook.id);
    if (known == courses_.end())
      courses_.emplace(row.hook.id, open_course(row));
    else
      known->second->row = row;
  }
  std::erase_if(courses_, [&](const auto& known) {
    if (std::ranges::any_of(*hooks, [&](const auto& row) { return row.hook.id == known.first; })) return false;
    known.second->log.remove();
    // Left behind it says nothing to anybody: an id is given once.
    (void)parts_.files.remove(join_path(options_.folder, known.first + ".json"));
    known.second->lag->set(0);
    known.second->marked_failed->set(0);
    return true;
  });
}

std::unique_ptr<Notifier::Course> Notifier::open_course(const store::HookRow& row) {
  const std::string& id = row.hook.id;
  if (auto made = make_folder_durably(parts_.files, options_.folder); !made)
    log::error("the folder of the webhooks cannot be made", {{"why", made.error().message}});
  EventPlace next{.offset = row.since, .number = 0};
  const auto standing = read_standing(parts_.files, join_path(options_.folder, id + ".json"));
  if (standing) {
    if (const auto place = place_of(standing->next))
      next = *place;
    else
      log::error("a webhook stands where this journal has nothing: it is told again what is kept", {{"hook", id}});
  }
  Metrics& metrics = parts_.metrics;
  auto course = std::make_unique<Course>(Course{.row = row,
                                                .line = Line(next),
                                                .log = DeliveryLog(parts_.files, options_.folder, id),
                                                .failed = standing && standing->failed,
                                                .why = standing ? standing->why : std::string(),
                                                .failing_before = standing ? standing->failing : std::chrono::seconds(),
                                                .failing_place = next,
                                                .down_before = standing ? standing->down : std::chrono::seconds(),
                                                .saved = standing});
  course->delivered = &metrics.counter("waybill_notify_delivered_total", "events that a webhook took", labels(id));
  course->failures = &metrics.counter("waybill_notify_failures_total", "requests to a webhook that failed", labels(id));
  course->given_up = &metrics.counter("waybill_notify_given_up_total", "events that a webhook never took", labels(id));
  course->lag =
      &metrics.gauge("waybill_notify_lag_seconds", "age of the oldest event that is not told yet", labels(id));
  course->marked_failed = &metrics.gauge("waybill_notify_failed", "1 when a webhook is told nothing more", labels(id));
  return course;
}

Result<Notifier::Course*> Notifier::find(const std::string& id) {
  refresh();
  const auto known = courses_.find(id);
  if (known == courses_.end()) return fail(Code::not_found, "webhook " + id + " is not known");
  return known->second.get();
}

// ---- places

std::string Notifier::id_of(EventPlace place) const {
  return to_string(parts_.position(place.offset)) + '.' + std::to_string(place.number);
}

Result<EventPlace> Notifier::place_of(const std::string& from) const {
  const size_t dot = from.find('.');
  const std::string text = from.substr(0, dot);
  if (const auto position = parse_position(text)) {
    EventPlace place{.offset = position->offset, .number = 0};
    bool fits = parts_.position(position->offset) == *position;
    if (dot != std::string::npos) {
      const std::string number = from.substr(dot + 1);
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), place.number);
      fits = fits && error == std::errc() && end == number.data() + number.size();
    }
    if (fits) return place;
  } else if (const auto time = wire::parse_time(from)) {
    return place_at(time->time);
  }
  return not_a_place();
}

// The first event that was received then or later: in the first ledger that has a record of then or later.
Result<EventPlace> Notifier::place_at(Time time) const {
  EventPlace place;
  TRY_LET(const std::vector<store::Ledger> ledgers, parts_.store.ledgers());
  for (const store::Ledger& ledger : ledgers) {
    if (ledger.newest && *ledger.newest >= time) break;
    place = {.offset = ledger.to, .number = 0};
  }
  for (;;) {
    TRY_LET(const std::vector<store::OutboxRow> rows, parts_.store.outbox(place, page_events));
    if (rows.empty()) return place;
    for (const store::OutboxRow& row : rows)
      if (row.event.received_at >= time) return row.place;
    place = rows.back().place.next();
  }
}

// ---- what goes out

void Notifier::fill(Course& course) {
  if (course.failed || course.line.full()) return;
  const uint64_t visible = parts_.store.watermarks().visible;
  if (course.read_at == visible) return;
  while (!course.line.full()) {
    const auto rows = parts_.store.outbox(course.line.read_to(), page_events);
    if (!rows) {
      log::error("the outbox cannot be read", {{"why", rows.error().message}});
      return;
    }
    if (rows->empty()) {
      course.read_at = visible;
      return;
    }
    for (const store::OutboxRow& row : *rows) {
      if (course.row.hook.events.has(row.event.kind))
        course.line.add(row.place, whose(row.event), row.event.received_at, parts_.clock.steady());
      else
        course.line.pass(row.place);
    }
  }
}

void Notifier::send_all(Course& course) {
  if (std::exchange(course.ping, false)) {
    const Time now = parts_.clock.now();
    const std::string id = "ping-" + std::to_string(to_us(now));
    send(course, std::nullopt, id, "ping", ping_body(id, now));
  }
  if (course.stale_in_flight > 0) return;
  while (!course.failed && send_next(course)) {
  }
}

// Whether it may be worth calling again.
bool Notifier::send_next(Course& course) {
  const bool down = course.failures_in_a_row >= down_after;
  const size_t most = down ? 1 : hook_in_flight_max;
  const Moment now = parts_.clock.steady();
  if (course.in_flight >= most || now < course.pause_until) return false;
  const auto place = course.line.take(now, down ? Line::Rather::untried : Line::Rather::longest_waiting);
  if (!place) return false;
  const auto rows = parts_.store.outbox(*place, 1);
  if (!rows) {
    log::error("the outbox cannot be read", {{"why", rows.error().message}});
    course.line.again(*place, now + options_.retry_first);
    return false;
  }
  if (rows->empty() || rows->front().place != *place) {
    course.line.done(*place, now);  // it was dropped while the webhook was failed
    return true;
  }
  const Event& event = rows->front().event;
  const std::string id = id_of(*place);
  const std::string type = wire::event_type(event);
  send(course, place, id, type, body_of(id, type, event, to_string(parts_.position(place->offset))));
  return true;
}

void Notifier::send(Course& course, std::optional<EventPlace> place, const std::string& id, const std::string& type,
                    std::string body) {
  const Time now = parts_.clock.now();
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  Flight flight{.hook = course.row.hook.id,
                .generation = course.generation,
                .place = place,
                .attempt = {.id = id, .type = type, .at = now}};
  if (place) flight.attempt.attempt = ++course.line.trying(*place).attempts;
  const auto signature = parts_.signer.signature(course.row.hook.id, id, seconds, body);
  if (!signature) {
    end(course, flight, {.error = "it cannot be signed: " + signature.error().message});
    return;
  }
  Outgoing outgoing{.ticket = ++ticket_,
                    .url = course.row.hook.url,
                    .headers = {"content-type: application/json", "user-agent: waybill", "webhook-id: " + id,
                                "webhook-timestamp: " + std::to_string(seconds), "webhook-signature: " + *signature},
                    .body = std::move(body)};
  ++course.in_flight;
  flights_.emplace(ticket_, std::move(flight));
  parts_.transport.send(std::move(outgoing));
}

// ---- what comes back

void Notifier::take(const Answer& answer) {
  auto landed = flights_.extract(answer.ticket);
  if (landed.empty()) return;
  Flight& flight = landed.mapped();
  const auto known = courses_.find(flight.hook);
  if (known == courses_.end()) return;
  Course& course = *known->second;
  if (course.in_flight > 0) --course.in_flight;
  if (flight.generation != course.generation && course.stale_in_flight > 0) --course.stale_in_flight;
  end(course, flight, answer);
}

void Notifier::end(Course& course, Flight& flight, const Answer& answer) {
  const bool taken = answer.status >= 200 && answer.status < 300;
  flight.attempt.status = answer.status;
  flight.attempt.took = answer.took;
  flight.attempt.error = answer.error;
  if (!taken) flight.attempt.outcome = Outcome::failed;
  if (flight.place && flight.generation == course.generation) {
    if (taken)
      took(course, flight);
    else
      missed(course, flight, answer);
  }
  course.log.add(flight.attempt);
}

void Notifier::took(Course& course, const Flight& flight) {
  course.delivered->add();
  course.in_vain_since.reset();
  course.down_before = {};
  course.why.clear();
  course.line.done(*flight.place, parts_.clock.steady());
  if (std::exchange(course.failures_in_a_row, 0) < down_after) return;
  log::info("a webhook answers again", {{"hook", flight.hook}, {"waiting", course.line.waiting()}});
  course.line.hurry();
}

void Notifier::missed(Course& course, Flight& flight, const Answer& answer) {
  constexpr int gone = 410;
  const Moment now = parts_.clock.steady();
  Line::Trying& trying = course.line.trying(*flight.place);
  if (!course.in_vain_since) course.in_vain_since = now - std::exchange(course.down_before, {});
  if (!trying.since)
    trying.since = now - (*flight.place == course.failing_place ? course.failing_before : std::chrono::seconds());
  course.failures->add();
  course.why = answer.status == 0 ? answer.error : "it answers " + std::to_string(answer.status);
  if (++course.failures_in_a_row == down_after)
    log::warning("a webhook does not answer as it should, it is tried again",
                 {{"hook", flight.hook}, {"why", course.why}});
  if (answer.status == gone) {
    course.line.again(*flight.place, {});
    mark_failed(course, course.why);
    return;
  }
  // Asked first: whichever event is tried, for they take turns.
  if (now - *course.in_vain_since >= options_.hold_max) {
    course.line.again(*flight.place, {});
    mark_failed(course, "nothing has got through for " + std::to_string(options_.hold_max.count()) +
                            " s, at last: " + course.why);
    return;
  }
  if (now - *trying.since >= options_.hold_max) {
    course.given_up->add();
    flight.attempt.outcome = Outcome::given_up;
    log::error("a webhook never took an event, others wait no longer for it",
               {{"hook", flight.hook}, {"event", flight.attempt.id}, {"why", course.why}});
    course.line.done(*flight.place, now);
    return;
  }
  auto wait = backoff(trying.attempts);
  if (answer.retry_after) {
    const auto asked = std::chrono::milliseconds(std::min(*answer.retry_after, retry_after_max));
    wait = std::max(wait, asked);
    course.pause_until = std::max(course.pause_until, now + asked);
  }
  if (course.failures_in_a_row >= down_after)
    course.pause_until = std::max(course.pause_until, now + backoff(course.failures_in_a_row - down_after + 1));
  course.line.again(*flight.place, now + wait);
}

void Notifier::mark_failed(Course& course, const std::string& why) {
  course.failed = true;
  course.why = why;
  log::error("a webhook has failed: it is told nothing more until it is replayed",
             {{"hook", course.row.hook.id}, {"why", why}});
}

std::chrono::milliseconds Notifier::backoff(uint32_t attempt) {
  constexpr uint32_t doublings_max = 20;
  const auto whole = std::min(options_.retry_max, options_.retry_first * (1 << std::min(attempt - 1, doublings_max)));
  const auto count = static_cast<uint64_t>(whole.count());
  return std::chrono::milliseconds(count - count / 4 + random_.below(count / 2 + 1));
}

// ---- what stays

Result<void> Notifier::save(Course& course) {
  Standing standing{.next = id_of(course.line.next()), .failed = course.failed, .why = course.why};
  if (const auto since = course.line.oldest_in_vain_since())
    standing.failing = in_minutes(parts_.clock.steady() - *since);
  else if (course.line.next() == course.failing_place)
    standing.failing = course.failing_before;
  standing.down = course.in_vain_since ? in_minutes(parts_.clock.steady() - *course.in_vain_since) : course.down_before;
  if (course.saved == standing) return {};
  TRY(write_standing(parts_.files, join_path(options_.folder, course.row.hook.id + ".json"), standing));
  course.saved = standing;
  return {};
}

void Notifier::save_all() {
  const Moment now = parts_.clock.steady();
  if (saved_at_ && now - *saved_at_ < standing_every) return;
  saved_at_ = now;
  for (auto& [id, course] : courses_) {
    if (auto saved = save(*course); !saved)
      log::error("how far a webhook has been told cannot be kept", {{"hook", id}, {"why", saved.error().message}});
    if (auto written = course->log.write(); !written)
      log::error("the delivery log cannot be written", {{"hook", id}, {"why", written.error().message}});
  }
}

void Notifier::publish() {
  const Time now = parts_.clock.now();
  for (auto& [id, course] : courses_) {
    const auto oldest = course->failed ? std::nullopt : course->line.oldest();
    course->lag->set(oldest ? std::max(0.0, std::chrono::duration<double>(now - *oldest).count()) : 0);
    course->marked_failed->set(course->failed ? 1 : 0);
  }
}

void Notifier::drop_old() {
  if (!refreshed_at_) return;  // who needs it is not known yet
  const Moment now = parts_.clock.steady();
  if (dropped_at_ && now - *dropped_at_ < drop_every) return;
  const auto ledgers = parts_.store.ledgers();
  if (!ledgers) return;
  uint64_t below = 0;
  for (const store::Ledger& ledger : *ledgers) {
    if (ledger.newest && *ledger.newest >= parts_.clock.now() - options_.keep) break;
    below = ledger.to;
  }
  for (const auto& [id, course] : courses_)
    if (!course->failed) below = std::min(below, course->line.next().offset);
  const auto more = parts_.store.drop_outbox(below);
  if (!more) log::error("the outbox cannot be cleared", {{"why", more.error().message}});
  if (!more || !*more) dropped_at_ = now;
}

std::chrono::milliseconds Notifier::until_due(std::chrono::milliseconds most) const {
  const Moment now = parts_.clock.steady();
  for (const auto& [id, course] : courses_) {
    const auto due = course->line.due();
    if (course->failed || !due || course->in_flight > 0) continue;
    const Moment moment = std::max(*due, course->pause_until);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(moment - now, Moment::duration()));
    most = std::min(most, wait);
  }
  return most;
}

// ---- questions

Result<HookStanding> Notifier::standing(const std::string& id) {
  std::lock_guard lock(mutex_);
  TRY_LET(const Course* const course, find(id));
  return HookStanding{.failed = course->failed,
                      .why = course->why,
                      .next = id_of(course->line.next()),
                      .waiting = course->line.waiting(),
                      .since = course->line.oldest()};
}

Result<DeliveryPage> Notifier::deliveries(const std::string& id, const DeliveryQuery& query) {
  std::lock_guard lock(mutex_);
  TRY_LET(Course* const course, find(id));
  TRY(course->log.write());
  return course->log.read(query);
}

Result<void> Notifier::replay(const std::string& id, const std::string& from) {
  std::lock_guard lock(mutex_);
  TRY_LET(Course* const course, find(id));
  EventPlace place = course->line.next();
  if (!from.empty()) {
    TRY_LET(place, place_of(from));
    // One that is still to come would keep from it all that happens until then.
    if (place.offset > parts_.store.watermarks().visible) return not_a_place();
  }
  course->line = Line(place);
  ++course->generation;
  course->stale_in_flight = course->in_flight;
  course->failed = false;
  course->why.clear();
  course->failing_before = {};
  course->failures_in_a_row = 0;
  course->in_vain_since.reset();
  course->down_before = {};
  course->pause_until = {};
  course->read_at.reset();
  TRY(save(*course));
  wake();
  return {};
}

Result<void> Notifier::ping(const std::string& id) {
  std::lock_guard lock(mutex_);
  TRY_LET(Course* const course, find(id));
  course->ping = true;
  wake();
  return {};
}

}  // namespace waybill::notify
