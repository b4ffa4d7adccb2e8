// app/lake_view.h — the lake's catalog as a serving process reads it, beside whoever writes it.
//
// Order:   what newest() gives has all that was committed before it was called, unless the place does not answer: then what
//          was known last.
// Threads: start() and stop() from one, the others from any.
// Failure: a place that does not answer is asked again, at most every few seconds; meanwhile what is known stays.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "app/config.h"
#include "app/data_folder.h"
#include "base/clock.h"
#include "base/guarded.h"
#include "base/metrics.h"
#include "ingest/keep.h"
#include "lake/catalog.h"

namespace waybill::app {

class LakeView {
 public:
  LakeView(const Config& config, const DataFolder& folder, const journal::Source& journal, Clock& clock,
           Metrics& metrics);

  void start();  // looks from time to time, so that metrics are not old
  void stop();
  // Null where nothing was ever known.
  std::shared_ptr<const lake::Snapshot> newest();
  std::shared_ptr<const lake::Snapshot> known() const;
  // Who must have it before it goes from journal or store: whoever writes the lake, by what its catalog says.
  ingest::Consumer consumer();

 private:
  void look();
  Result<void> try_to_look();

  const Config& config_;
  const DataFolder& folder_;
  const journal::Source& journal_;
  Clock& clock_;
  Gauge& not_treated_;
  Gauge* const lag_;  // null where the lake's writer is in this process and knows it better
  std::stop_source giving_up_;  // ends what is tried again inside
  std::mutex looking_;  // who looks; the next is served by what that one finds
  std::unique_ptr<lake::Objects> objects_;
  std::unique_ptr<lake::Catalog> catalog_;
  std::optional<std::chrono::steady_clock::time_point> not_before_;  // after a failure
  Guarded<std::shared_ptr<const lake::Snapshot>> known_;
  std::jthread thread_;
};

}  // namespace waybill::app
