#include "ingest/phone_words.h"

#include "ingest/silence.h"

namespace waybill::ingest {

void PhoneWords::hear(const wire::PhoneWord& word, const store::Store& store, Time now, Batch& batch) {
  if (word.kind != wire::PhoneWord::Kind::status || word.deliverer.empty()) return;
  say(word.deliverer, word.reason, now);
  if (word.reason.empty()) return;
  const auto deliverer = store.deliverer(DelivererId(word.deliverer));
  if (!deliverer || !*deliverer) return;
  for (const OrderId& id : (*deliverer)->orders) {
    const auto view = store.order(id);
    if (!view || !*view) continue;
    const Order& order = (*view)->order;
    if (!order.under_way() || !order.silent_since || order.silence_reason == word.reason) continue;
    OrderCommand why = silent_order(order, *order.silent_since, word.reason, now);
    why.client_id += ": " + word.reason;
    batch.add(wire::Record(std::move(why)));
  }
}

void PhoneWords::say(const std::string& deliverer, const std::string& reason, Time now) {
  words_.with([&](Words& words) {
    if (const auto known = words.by_deliverer.find(deliverer); known != words.by_deliverer.end()) {
      words.by_time.erase(known->second);
      words.by_deliverer.erase(known);
    }
    if (reason.empty()) return;
    if (words.by_time.size() == words_max) {
      words.by_deliverer.erase(words.by_time.back().deliverer);
      words.by_time.pop_back();
    }
    words.by_time.push_front({.deliverer = deliverer, .reason = reason, .at = now});
    words.by_deliverer.emplace(deliverer, words.by_time.begin());
  });
}

std::string PhoneWords::since(const std::string& deliverer, Time since) const {
  return words_.with([&](const Words& words) {
    const auto known = words.by_deliverer.find(deliverer);
    if (known == words.by_deliverer.end() || known->second->at < since) return std::string();
    return known->second->reason;
  });
}

}  // namespace waybill::ingest
