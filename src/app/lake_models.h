// app/lake_models.h — the lake's treated and final tables: the models that make them, and the thread of a serving process that runs these.
#pragma once

#include <functional>
#include <map>
#include <thread>

#include "app/config.h"
#include "app/data_folder.h"
#include "base/metrics.h"
#include "lake/catalog.h"
#include "lake/copies.h"
#include "transform/lint.h"
#include "transform/runner.h"
#include "transform/tables.h"

namespace waybill::app {

// The columns of the tables that no model makes: those of bronze, and those of other sources that the lake has.
std::map<std::string, std::vector<transform::Column>> raw_columns(const lake::Snapshot& lake);

// Waybill's models and, where a folder is named, those in it, which stand in place of ours with the same names; in the order in
// which they are made.
Result<transform::Graph> graph_of(transform::Engine& engine, const std::string& models_folder,
                                  const lake::Snapshot& lake);

// Where the files of a run are on their way, and how many rows it makes together: as many as its memory holds.
transform::RunOptions run_options(const Config& config, const DataFolder& folder);

// Runs the models when raw tables have something new, every transform.every_seconds at most.
//
// Threads: start() and stop() from one.
// Failure: what cannot be made is told in the log and in metrics, and tried again; what is there stays.
class ModelSchedule {
 public:
  ModelSchedule(const Config& config, const DataFolder& folder, lake::Copies& copies, Clock& clock, Metrics& metrics);

  void start();  // does nothing where models are not to be run
  void stop();  // a run that is under way is broken off; the next start makes it good
  // In the caller's thread, in place of start(); `after_each` is called when one is over.
  void run(const std::stop_token& stop, const std::function<void()>& after_each = [] {});

 private:
  Result<void> run_once(const std::stop_token& stop);

  const Config& config_;
  const DataFolder& folder_;
  lake::Copies& copies_;
  Clock& clock_;
  uint64_t made_of_ = 0;  // the newest rows of the raw tables when the last run ended: a version of the lake
  Counter& failures_;
  Counter& runs_;
  Gauge& last_success_;
  Histogram& seconds_;
  std::jthread thread_;
};

}  // namespace waybill::app
