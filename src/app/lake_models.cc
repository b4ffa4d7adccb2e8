#include "app/lake_models.h"

#include <algorithm>
#include <set>

#include "app/model_files.h"
#include "app/wiring.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process.h"
#include "transform/source_table.h"

namespace waybill::app {
namespace {

constexpr int nice_steps = 19;  // after all that take custody

// The version that brought the newest rows of the tables that no model makes; 0: there are none.
uint64_t newest_rows(const lake::Snapshot& lake) {
  uint64_t newest = 0;
  for (const auto& [key, file] : lake.files)
    if (file.table.starts_with("raw.") || file.table.starts_with("external.")) newest = std::max(newest, file.changed);
  return newest;
}

}  // namespace

std::map<std::string, std::vector<transform::Column>> raw_columns(const lake::Snapshot& lake) {
  std::map<std::string, std::vector<transform::Column>> columns = transform::order_columns();
  columns.merge(transform::external_columns(lake));
  for (const auto table : {lake::BronzeTable::deliverer_location, lake::BronzeTable::order_command})
    columns[lake::table_name(table)] = transform::columns_of(table);
  return columns;
}

Result<transform::Graph> graph_of(transform::Engine& engine, const std::string& models_folder,
                                  const lake::Snapshot& lake) {
  transform::ModelFiles files = built_in_models();
  if (!models_folder.empty()) {
    TRY_LET(transform::ModelFiles own, models_of_folder(models_folder));
    for (auto& [path, content] : own) files[path] = std::move(content);
  }
  TRY_LET(std::vector<transform::Model> models, transform::read_models(files));
  std::set<std::string> known;
  for (const auto& [table, columns] : raw_columns(lake)) known.insert(table);
  return transform::arrange(engine, std::move(models), known);
}

transform::RunOptions run_options(const Config& config, const DataFolder& folder) {
  constexpr uint64_t rows_a_mib = 3000;  // some 300 bytes each, where they are sorted
  return {.scratch = join_path(folder.query_spill(), "transform"),
          .rows_at_once_max = config.query_memory_mib_max * rows_a_mib};
}

ModelSchedule::ModelSchedule(const Config& config, const DataFolder& folder, lake::Copies& copies, Clock& clock,
                             Metrics& metrics)
    : config_(config),
      folder_(folder),
      copies_(copies),
      clock_(clock),
      failures_(
          metrics.counter("waybill_transform_failures_total", "runs of the models that failed, or a model's tests")),
      runs_(metrics.counter("waybill_transform_runs_total", "runs of the models that made something")),
      last_success_(metrics.gauge("waybill_transform_last_success_timestamp_seconds",
                                  "when the models were last up to date, since 1970")),
      seconds_(metrics.histogram("waybill_transform_seconds", "a run of the models", duration_bounds())) {}

void ModelSchedule::start() {
  if (!config_.lake_enabled || config_.transform_every_seconds == 0) return;
  thread_ = std::jthread([this](const std::stop_token& asked) {
    name_this_thread("transform");
    let_others_run_first(nice_steps);
    run(asked);
  });
}

void ModelSchedule::run(const std::stop_token& stop, const std::function<void()>& after_each) {
  while (!stop.stop_requested()) {
    pause(std::chrono::seconds(config_.transform_every_seconds), stop);
    if (stop.stop_requested()) return;
    if (auto ran = run_once(stop); !ran && !stop.stop_requested()) {
      failures_.add();
      log::error("the models could not be run; they are tried again", {{"why", ran.error().message}});
    }
    after_each();
  }
}

Result<void> ModelSchedule::run_once(const std::stop_token& stop) {
  TRY_LET(const auto objects, open_objects_of(config_, folder_, stop));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, clock_));
  const uint64_t newest = newest_rows(*catalog->now());
  if (newest == made_of_) {
    last_success_.set(std::chrono::duration<double>(clock_.now().time_since_epoch()).count());
    return {};
  }
  const auto begun = clock_.steady();
  // One thread: the other cores are for those who send and look.
  TRY_LET(const auto engine, open_engine_of(config_, folder_, 1));
  TRY_LET(const transform::Graph graph, graph_of(*engine, config_.transform_models, *catalog->now()));
  transform::RunOptions options = run_options(config_, folder_);
  options.stop = stop;
  TRY_LET(const std::vector<transform::ModelRun> runs,
          transform::run_models({*catalog, *objects, copies_, *engine}, graph, raw_columns(*catalog->now()), options));
  std::string why;
  for (const transform::ModelRun& ran : runs)
    if (ran.made == transform::Made::failed) why += ran.model + ": " + ran.why + "; ";
  seconds_.observe(std::chrono::duration<double>(clock_.steady() - begun).count());
  runs_.add();
  made_of_ = newest;  // what failed a test does so until its rows or its models change
  if (!why.empty()) {
    failures_.add();
    log::error("models fail their tests; what is made of them stays as it was", {{"why", why}});
    return {};
  }
  last_success_.set(std::chrono::duration<double>(clock_.now().time_since_epoch()).count());
  return {};
}

void ModelSchedule::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

}  // namespace waybill::app
