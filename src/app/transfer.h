// app/transfer.h — the way of the journal over a broker: handed on by the process that writes it or by one beside it, written here
// from what another hands on, or kept there by all who share it; and what phones publish there, into the journal.
//
// Order:   open(), start(), stop() when nothing is accepted any more; or run() in the caller's thread.
// Failure: handing on never ends by itself: it is told in the log and in metrics, and tried again. Of following on_failure hears what
//          cannot get better: the topic is of another journal, the broker has let go of what is missing here.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "app/config.h"
#include "app/data_folder.h"
#include "app/phones.h"
#include "base/health.h"
#include "ingest/accept.h"
#include "ingest/keep.h"
#include "ingest/listen.h"
#include "ingest/relay.h"

namespace waybill::app {

// Hands on.
class Relaying {
 public:
  using Wait = decltype(ingest::RelayOptions::wait);

  Relaying(const Config& config, const DataFolder& folder, journal::Source& journal, Wait wait, Clock& clock,
           Metrics& metrics);
  Result<void> open();
  void run(const std::stop_token& stop) { relay_->run(stop); }

 private:
  const Config& config_;
  const DataFolder& folder_;
  journal::Source& journal_;
  const Wait wait_;
  Clock& clock_;
  Metrics& metrics_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<ingest::Relay> relay_;
};

// Who must have a record before it goes from the journal: whoever relays it, by what it has noted in the data folder.
ingest::Consumer relay_consumer(const Config& config, const DataFolder& folder, const journal::Source& journal);

// What the process that serves does of it.
class Transfer {
 public:
  virtual ~Transfer() = default;
  virtual void start(std::function<void(const Error&)> on_failure) = 0;
  virtual void stop() = 0;
};

// Nothing where the settings name no broker, or leave it to `waybill relay`. conflict: such a process runs.
Result<std::unique_ptr<Transfer>> open_relay(const Config& config, const DataFolder& folder, journal::Journal& journal,
                                             Metrics& metrics);
// What phones publish to an MQTT server, into this journal; nothing where the settings name none.
Result<std::unique_ptr<Transfer>> open_listening(const Config& config, journal::Journal& journal,
                                                 const store::Store& store, ingest::Acceptor& acceptor, Phones& phones,
                                                 Metrics& metrics);
// This journal is another's, and its relay hands it on.
Result<std::unique_ptr<Transfer>> open_replica(const Config& config, const DataFolder& folder,
                                               journal::Journal& journal, Health& health, Metrics& metrics);
// The broker keeps the journal, and this one is a copy: what is accepted is offered there.
Result<std::unique_ptr<Transfer>> open_line(const Config& config, const DataFolder& folder, journal::Journal& journal,
                                            ingest::Acceptor& acceptor, Health& health, Metrics& metrics);

}  // namespace waybill::app
