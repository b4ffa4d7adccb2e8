// app/lake_writer.h — the lake of a serving process: written in a thread of its own, from when its place can be reached on.
//
// Order:   start(), then stop() when nothing is accepted any more.
// Threads: consumer()'s functions from any thread, the others from one.
// Failure: a place that cannot be reached is tried again for ever; nothing waits for it but trimming. on_failure hears what
//          cannot get better by itself: another process took over, the lake is of another journal, bytes are damaged.
#pragma once

#include <functional>
#include <future>
#include <thread>

#include "app/config.h"
#include "app/data_folder.h"
#include "ingest/keep.h"
#include "lake/bronze.h"

namespace waybill::app {

class LakeWriter {
 public:
  LakeWriter(const Config& config, const DataFolder& folder, journal::Journal& journal, Clock& clock, Metrics& metrics);
  ~LakeWriter() { giving_up_.request_stop(); }

  // Whether the settings name a place. It is not asked yet: what is accepted waits for no lake.
  Result<void> open();
  // Who must have it before it goes from journal or store.
  ingest::Consumer consumer();

  void start(std::function<void(const Error&)> on_failure);
  // Writes what the journal has; after `wait_max` the rest is left to the next start.
  void stop(std::chrono::milliseconds wait_max);

 private:
  Result<void> reach();
  void run(const std::stop_token& stop);

  const Config& config_;
  const DataFolder& folder_;
  journal::Journal& journal_;
  Clock& clock_;
  Metrics& metrics_;
  std::stop_source giving_up_;  // ends what is tried again inside
  std::unique_ptr<lake::Objects> objects_;
  std::unique_ptr<lake::Catalog> opened_;
  std::atomic<lake::Catalog*> catalog_{nullptr};  // opened_, for other threads
  std::unique_ptr<lake::Bronze> bronze_;
  std::function<void(const Error&)> on_failure_;
  std::promise<void> ended_;
  std::jthread thread_;
};

}  // namespace waybill::app
