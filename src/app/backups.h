// app/backups.h — the backups that a serving process makes of its own data folder, one at a time, in a thread of their own.
//
// Threads: any. Everything that the source names outlives it.
// Failure: of start(): conflict while one runs. How one ended is in state().
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "backup/take.h"
#include "base/guarded.h"
#include "base/metrics.h"

namespace waybill::app {

class Backups {
 public:
  Backups(backup::Source source, Files& files, Clock& clock, Metrics& metrics);

  Result<void> start(const std::string& to, uint64_t keep);
  std::string state() const;  // JSON, docs/OPERATIONS.md, Backup
  void stop();  // the one that runs fails; the generations before stay

 private:
  struct State {
    bool running = false;
    std::string to{};
    Time started_at{};
    std::optional<Time> ended_at{};
    std::optional<Result<backup::Manifest>> result{};
  };
  void run(const backup::TakeOptions& options, const std::stop_token& stop);

  const backup::Source source_;
  Files& files_;
  Clock& clock_;
  Gauge& last_success_;
  Counter& failures_;
  Guarded<State> state_;
  Guarded<std::jthread> thread_;  // last: it stops first
};

// The same as state() of one that has ended.
std::string backup_state_text(const backup::Manifest& manifest, const std::string& to);

}  // namespace waybill::app
