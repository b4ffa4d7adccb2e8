#include "ingest/listen.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::ingest {
namespace {

constexpr std::chrono::milliseconds idle_wait{200};
constexpr std::chrono::milliseconds retry_wait_first{50};
constexpr std::chrono::milliseconds retry_wait_max{5000};

bool helps_to_wait(const Error& error) { return error.code == Code::unavailable || error.code == Code::overloaded; }

std::string item_of(const Location& location) {
  wire::JsonWriter writer;
  wire::write_location(writer, location);
  return writer.take();
}

}  // namespace

Listening::Listening(journal::Journal& journal, const store::Store& store, Acceptor& acceptor, ListenOptions options,
                     Clock& clock, Metrics& metrics)
    : journal_(journal),
      store_(store),
      acceptor_(acceptor),
      options_(std::move(options)),
      clock_(clock),
      reader_(options_.topics, options_.naive_offset, options_.passphrases),
      batch_(acceptor.erased()),
      trouble_("not connected yet"),
      working_(metrics.gauge("waybill_mqtt_working", "1 while phones are heard over MQTT and taken in, else 0")) {
  constexpr std::array<const char*, outcomes> names{"kept", "quarantined", "empty"};
  for (size_t form = 0; form <= form_not_known; ++form)
    for (size_t outcome = 0; outcome < outcomes; ++outcome)
      messages_[form][outcome] = &metrics.counter(
          "waybill_mqtt_messages_total", "messages of phones that were taken into custody",
          {{"form", form == form_not_known ? "none" : std::string(to_string(static_cast<wire::TopicForm>(form)))},
           {"outcome", names[outcome]}});
}

Result<void> Listening::open() {
  TRY_LET(listener_, options_.open());
  return {};
}

Result<void> Listening::run(const std::stop_token& stop) {
  auto retry_wait = retry_wait_first;
  while (!stop.stop_requested()) {
    const auto heard = hear();
    if (heard) {
      stands("");
      retry_wait = retry_wait_first;
      if (!heard->empty()) TRY(take(*heard, stop));
      continue;
    }
    stands(heard.error().message);
    if (!helps_to_wait(heard.error())) listener_.reset();
    pause(retry_wait, stop);
    retry_wait = std::min(retry_wait * 2, retry_wait_max);
  }
  listener_.reset();
  return {};
}

Result<std::vector<broker::Heard>> Listening::hear() {
  if (!listener_) TRY(open());
  return listener_->hear(idle_wait);
}

// What is not taken when it is stopped is not confirmed, and comes again.
Result<void> Listening::take(const std::vector<broker::Heard>& heard, const std::stop_token& stop) {
  batch_.clear();
  batch_.judge_by(acceptor_.erased());
  ByFormAndOutcome<uint64_t> counts{};
  const Time now = clock_.now();
  for (const broker::Heard& message : heard) {
    const Outcome outcome = add(message, now);
    const size_t form = published_.form ? static_cast<size_t>(*published_.form) : form_not_known;
    ++counts[form][static_cast<size_t>(outcome)];
  }
  if (batch_.size() > 0) {
    auto retry_wait = retry_wait_first;
    Result<journal::Appended> kept;
    while (!(kept = acceptor_.accept(batch_)) && kept.error().code == Code::overloaded) {
      stands(kept.error().message);
      pause(retry_wait, stop);
      if (stop.stop_requested()) return {};
      retry_wait = std::min(retry_wait * 2, retry_wait_max);
    }
    TRY(kept);
    TRY(journal_.commit());
  }
  listener_->confirm();
  for (size_t form = 0; form <= form_not_known; ++form)
    for (size_t outcome = 0; outcome < outcomes; ++outcome)
      if (counts[form][outcome] > 0) messages_[form][outcome]->add(counts[form][outcome]);
  return {};
}

Listening::Outcome Listening::add(const broker::Heard& message, Time received_at) {
  reader_.read(message.topic, message.bytes, received_at, published_);
  for (const Location& location : published_.locations) {
    if (is_of_others(location))
      published_.failures.push_back({.field = "order_id",
                                     .reason = "is an order of another deliverer",
                                     .raw = item_of(location),
                                     .missing = false,
                                     .denied = true});
    else
      batch_.add(location);
  }
  for (const wire::PhoneWord& word : published_.words)
    if (options_.words && word.kind == wire::PhoneWord::Kind::status && !word.deliverer.empty())
      options_.words->say(word.deliverer, word.reason, received_at);
  for (wire::ItemFailure& failure : published_.failures) quarantine(message, failure, received_at);
  if (!published_.failures.empty()) return Outcome::quarantined;
  return published_.locations.empty() ? Outcome::empty : Outcome::kept;
}

// Of a topic that names nobody the broker's rules say who may speak for everybody.
bool Listening::is_of_others(const Location& location) const {
  if (!published_.names_deliverer || !location.order) return false;
  const auto view = store_.order(*location.order);
  return view && *view && waybill::is_of_others((*view)->order, location.deliverer->text);
}

void Listening::quarantine(const broker::Heard& message, wire::ItemFailure& failure, Time received_at) {
  batch_.add(wire::Record(wire::Quarantined{.source = std::string(wire::topic_source) + wire::made_utf8(message.topic),
                                            .field = std::move(failure.field),
                                            .reason = std::move(failure.reason),
                                            .raw = std::move(failure.raw),
                                            .received_at = received_at}));
}

void Listening::stands(const std::string& why) {
  working_.set(why.empty() ? 1 : 0);
  const bool news = trouble_.with([&](std::string& known) { return std::exchange(known, why) != why; });
  if (!news) return;
  if (why.empty()) {
    log::info("phones are heard over MQTT", {{"topics", wire::to_text(options_.topics)}});
  } else {
    log::warning("phones are not heard over MQTT; the broker keeps what they publish", {{"why", why}});
  }
}

}  // namespace waybill::ingest
