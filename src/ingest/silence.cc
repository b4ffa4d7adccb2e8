#include "ingest/silence.h"

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"
#include "wire/json_text.h"

namespace waybill::ingest {
namespace {

constexpr std::string_view reason_field = "silence_reason";
constexpr size_t reason_bytes_max = 256;

// What the phone said of itself with the last location, in the field silence_reason.
std::string reason_of(const store::OrderView& view) {
  if (!view.last || view.last->location.attributes.empty()) return {};
  for (auto& [name, value] : wire::text_members(view.last->location.attributes))
    if (name == reason_field) return wire::made_utf8(value.substr(0, reason_bytes_max));
  return {};
}

}  // namespace

OrderCommand silent_order(const Order& order, Time heard_at, const std::string& reason, Time now) {
  OrderCommand command;
  command.kind = OrderCommand::Kind::silent;
  command.order = order.id;
  command.deliverer = order.deliverer;
  command.at = heard_at;
  command.received_at = now;
  command.reason = reason;
  // Said again before it is visible, or after a crash, it is the same.
  command.client_id = "silent since " + std::to_string(to_us(heard_at));
  return command;
}

Silence::Silence(journal::Journal& journal, const store::Store& store, Acceptor& acceptor, Clock& clock,
                 Metrics& metrics, Duration after, const PhoneWords* words)
    : journal_(journal),
      store_(store),
      acceptor_(acceptor),
      clock_(clock),
      after_(after),
      words_(words),
      said_(metrics.counter("waybill_ingest_silent_total", "times that an order under way fell silent")) {}

// What the phone said after its last location goes before what it said with it.
wire::Record Silence::said_of(const store::Unheard& unheard) const {
  const Order& order = unheard.order.order;
  std::string reason;
  if (words_ && order.deliverer) reason = words_->since(order.deliverer->text, unheard.heard_at);
  if (reason.empty()) reason = reason_of(unheard.order);
  return silent_order(order, unheard.heard_at, reason, clock_.now());
}

Result<size_t> Silence::step(Time moment) {
  const Time before = moment - after_;
  const Time since = std::max(since_.value_or(moment - window_max), moment - window_max);
  TRY_LET(const store::UnheardPage page, store_.unheard({.since = since, .before = before, .limit = said_at_once_max}));
  if (!page.orders.empty()) {
    std::vector<wire::Record> records;
    records.reserve(page.orders.size());
    for (const store::Unheard& unheard : page.orders) records.push_back(said_of(unheard));
    TRY(acceptor_.accept(records));
    TRY(journal_.commit());
    said_.add(records.size());
  }
  // Those of the minute at hand may have none in a moment; those who have come back from a silence stand further on.
  if (!page.more) since_ = before - std::chrono::minutes(1);
  return page.orders.size();
}

void Silence::run(std::stop_token stop) {
  constexpr std::chrono::milliseconds look_every{1000};
  // What the store does not show yet may be the news: it is asked about a moment of which it shows everything.
  Time moment = clock_.now();
  uint64_t end = journal_.durable_end();
  while (!stop.stop_requested()) {
    pause(look_every, stop);
    if (store_.watermarks().visible < end) continue;
    if (auto done = step(moment); !done) log::warning("nobody is said to be silent", {{"why", done.error().message}});
    moment = clock_.now();
    end = journal_.durable_end();
  }
}

}  // namespace waybill::ingest
