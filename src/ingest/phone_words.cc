#include "ingest/phone_words.h"

namespace waybill::ingest {

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
