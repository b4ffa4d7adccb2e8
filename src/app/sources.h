// app/sources.h — runs of other sources: by command, and by the clock of a process that serves.
//
// Threads: run_source_of() of one source in one process at a time, which it sees to; SourceSchedule: start() and stop() from one.
// Failure: conflict: another process runs the source. Else as app/source_pages.h, transform/source_run.h and the lake. What was not
//          committed is not there, and the next run makes it good.
#pragma once

#include <map>
#include <thread>

#include "app/config.h"
#include "app/source_definitions.h"
#include "base/metrics.h"
#include "transform/source_run.h"

namespace waybill::app {

Result<transform::SourceRun> run_source_of(const Config& config, const DataFolder& folder,
                                           const SourceDefinition& definition, int threads,
                                           const std::stop_token& stop);

// Each source whose definition says how often: when the process starts, and then so long after its last run ended.
class SourceSchedule {
 public:
  SourceSchedule(const Config& config, const DataFolder& folder, Clock& clock, Metrics& metrics);

  void start();
  void stop();  // a run that is under way is broken off

 private:
  using Steady = std::chrono::steady_clock::time_point;

  void run(const std::stop_token& stop);
  void run_due(const std::stop_token& stop);

  const Config& config_;
  const DataFolder& folder_;
  Clock& clock_;
  Counter& runs_;
  Counter& failures_;
  Counter& rows_;
  Counter& quarantined_;
  std::map<std::string, Steady> due_;  // by source
  std::jthread thread_;
};

}  // namespace waybill::app
