// ingest/listen.h — takes what phones publish to a broker into custody: hears, appends, waits for the disk, and only then confirms.
//
// Delivery: each message that the broker holds for us gets into the journal, at least once; what comes again is a repeat by its identity.
//           What makes no sense goes into quarantine as it came, with its topic and the reason. Nothing is dropped here.
// Threads:  run() in a thread of its own; trouble() from any.
// Failure:  a broker that cannot be reached or refuses us, and a journal that is full, are tried again for ever: meanwhile nothing is
//           confirmed, and the broker keeps it. A commit that failed ends run(): what waited may be lost here, and comes again.
// Limits:   broker::heard_messages_max and inbox_bytes_max are a group: one append, one wait for the disk.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/metrics.h"
#include "broker/listener.h"
#include "ingest/accept.h"
#include "ingest/phone_words.h"
#include "store/store.h"
#include "wire/topic_in.h"

namespace waybill::ingest {

struct ListenOptions {
  std::vector<wire::TopicRule> topics;
  Duration naive_offset{};  // of timestamps without a zone
  std::function<Result<std::unique_ptr<broker::Listener>>()> open;  // to all filters of `topics`
  const wire::Passphrases* passphrases = nullptr;  // of phones that encrypt; outlives who listens
  PhoneWords* words = nullptr;  // who is told what phones say of themselves; outlives who listens
};

class Listening {
 public:
  Listening(journal::Journal& journal, const store::Store& store, Acceptor& acceptor, ListenOptions options,
            Clock& clock, Metrics& metrics);

  // Before run(), to hear at once of settings that cannot be right.
  Result<void> open();
  Result<void> run(const std::stop_token& stop);
  // Why it hears nothing now; empty: it does.
  std::string trouble() const {
    return trouble_.with([](const std::string& why) { return why; });
  }

 private:
  // What became of a message: all of it a record, some of it in quarantine, no location in it.
  enum class Outcome : uint8_t { kept, quarantined, empty };
  static constexpr size_t outcomes = 3;
  static constexpr size_t form_not_known = wire::topic_forms;  // of a topic that no filter covers
  template <class Value>
  using ByFormAndOutcome = std::array<std::array<Value, outcomes>, form_not_known + 1>;

  Result<std::vector<broker::Heard>> hear();
  Result<void> take(const std::vector<broker::Heard>& heard, const std::stop_token& stop);
  Outcome add(const broker::Heard& message, Time received_at);
  bool is_of_others(const Location& location) const;
  void quarantine(const broker::Heard& message, wire::ItemFailure& failure, Time received_at);
  void stands(const std::string& why);

  journal::Journal& journal_;
  const store::Store& store_;
  Acceptor& acceptor_;
  const ListenOptions options_;
  Clock& clock_;
  wire::TopicReader reader_;
  wire::Published published_;
  Batch batch_;
  std::unique_ptr<broker::Listener> listener_;
  Guarded<std::string> trouble_;
  ByFormAndOutcome<Counter*> messages_{};
  Gauge& working_;
};

}  // namespace waybill::ingest
