// app/lake_writer.h — writes the lake, from when its place can be reached on: in a thread of the serving process, or in a process of
// its own.
//
// Order:   start(), then stop() when nothing is accepted any more; or run() in the caller's thread.
// Threads: compact() and expire() from any thread, the others from one.
// Failure: a place that cannot be reached is tried again for ever; nothing waits for it but trimming. on_failure hears what
//          cannot get better by itself: another process took over, the lake is of another journal, bytes are damaged.
#pragma once

#include <functional>
#include <future>
#include <thread>

#include "app/config.h"
#include "app/data_folder.h"
#include "lake/bronze.h"

namespace waybill::app {

class LakeWriter {
 public:
  LakeWriter(const Config& config, const DataFolder& folder, journal::Source& journal, Clock& clock, Metrics& metrics,
             std::shared_ptr<wire::ErasedNames> erased = nullptr);
  ~LakeWriter() { giving_up_.request_stop(); }

  // Whether the settings name a place. It is not asked yet: what is accepted waits for no lake.
  Result<void> open();
  void start(std::function<void(const Error&)> on_failure);
  // Until stop is asked for, in place of start().
  Result<void> run(const std::stop_token& stop);
  // For a command that holds the folder itself: reaches the place once, in place of start(). Nothing is read from the journal.
  Result<void> take_over();
  // Between its own writes, by whoever asks. unavailable: the place could not be reached yet.
  Result<uint64_t> compact(const std::stop_token& stop);  // hours that are over: how many files were made of several
  Result<uint64_t> expire(
      std::chrono::hours older_than);  // what was replaced before, and what nobody names: how many files
  // Writes what the journal has; after `wait_max` the rest is left to the next start.
  void stop(std::chrono::milliseconds wait_max);

 private:
  Result<void> reach();

  const Config& config_;
  const DataFolder& folder_;
  journal::Source& journal_;
  Clock& clock_;
  Metrics& metrics_;
  const std::shared_ptr<wire::ErasedNames> erased_;  // shared: store and door ask it too
  std::stop_source giving_up_;  // ends what is tried again inside
  std::unique_ptr<lake::Objects> objects_;
  std::unique_ptr<lake::Catalog> opened_;
  std::unique_ptr<lake::Bronze> bronze_;
  std::atomic<lake::Bronze*> writing_{nullptr};  // bronze_, for other threads, once it is there
  std::promise<void> ended_;
  std::jthread thread_;
};

}  // namespace waybill::app
