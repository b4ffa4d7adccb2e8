#include "app/transform_commands.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "app/lake_models.h"
#include "app/meter.h"
#include "app/role.h"
#include "app/stop_signal.h"
#include "app/subcommands.h"
#include "app/version.h"
#include "app/wiring.h"
#include "base/log.h"
#include "base/process.h"
#include "base/supervisor.h"
#include "transform/tables.h"

namespace waybill::app {
namespace {

using transform::Graph;
using transform::Made;
using transform::Model;
using transform::ModelRun;

struct TransformFlags {
  std::string models;
  std::string from;
  std::string to;
};

const std::string& models_folder(const Config& config, const TransformFlags& flags) {
  return flags.models.empty() ? config.transform_models : flags.models;
}

void show(const std::string& model, double share) {
  constexpr int width = 30;
  if (standard_error_terminal() == Terminal::no) return;
  const int full = static_cast<int>(share * width);
  std::fprintf(stderr, "\r%-28s [%s%s]%s", model.c_str(), std::string(full, '#').c_str(),
               std::string(width - full, ' ').c_str(), share >= 1 ? "\n" : "");
}

Result<bool> run(const Config& config, const TransformFlags& flags, const std::stop_token& stop) {
  TRY_LET(const DataFolder folder, open_data_folder(config.data, system_files()));
  TRY_LET(const auto objects, open_objects_of(config, folder, stop));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  TRY_LET(const auto copies, open_copies_of(config, folder));
  TRY_LET(const auto engine, open_engine_of(config, folder, 0));
  TRY_LET(const Graph graph, graph_of(*engine, models_folder(config, flags), *catalog->now()));
  transform::RunOptions options = run_options(config, folder);
  options.from = flags.from;
  options.to = flags.to;
  options.progress = show;
  options.stop = stop;
  TRY_LET(const std::vector<ModelRun> runs,
          transform::run_models({*catalog, *objects, *copies, *engine}, graph, raw_columns(*catalog->now()), options));
  bool fine = true;
  for (const ModelRun& ran : runs) {
    fine = fine && ran.made != Made::failed && ran.made != Made::blocked;
    std::printf("%-28s %-8s %12llu rows %6llu dates %9.3f s  %s\n", ran.model.c_str(),
                std::string(to_string(ran.made)).c_str(), static_cast<unsigned long long>(ran.rows),
                static_cast<unsigned long long>(ran.dates), ran.seconds, ran.why.c_str());
  }
  return fine;
}

// Asked of what is there: also while the platform runs, and makes nothing.
Result<bool> test(const Config& config, const TransformFlags& flags, const std::stop_token& stop) {
  TRY_LET(const DataFolder folder, look_into_data_folder(config.data, system_files()));
  TRY_LET(const auto objects, open_objects_to_read(config, folder));
  TRY_LET(const auto catalog, lake::open_catalog(*objects, system_clock()));
  TRY_LET(const auto copies, open_copies_of(config, folder));
  TRY_LET(const auto engine, open_engine_of(config, folder, 0));
  TRY_LET(const Graph graph, graph_of(*engine, models_folder(config, flags), *catalog->now()));
  TRY_LET(const std::vector<transform::TestRun> tests,
          transform::test_models({*catalog, *objects, *copies, *engine}, graph, raw_columns(*catalog->now()),
                                 {.scratch = {}, .progress = show, .stop = stop}));
  uint64_t failing = 0;
  std::printf("%-28s %-60s %12s\n", "table", "test", "failing rows");
  for (const transform::TestRun& ran : tests) {
    failing += ran.failing > 0 ? 1 : 0;
    std::printf("%-28s %-60s %12llu%s\n", ran.model.c_str(), ran.test.c_str(),
                static_cast<unsigned long long>(ran.failing), ran.failing > 0 ? "  FAILS" : "");
  }
  std::printf("%zu tests, %llu failed\n", tests.size(), static_cast<unsigned long long>(failing));
  return failing == 0;
}

int end_of(Result<bool> (*what)(const Config&, const TransformFlags&, const std::stop_token&), const Config& config,
           const TransformFlags& flags) {
  const StopAtSignal stop;
  const auto fine = what(config, flags, stop.token());
  if (!fine) return failed(fine.error());
  return *fine ? 0 : 1;
}

// The role of its own, until it is asked to stop.
Result<void> keep_making(const Config& config, const RoleFlags& flags, const std::stop_token& stop) {
  if (config.transform_every_seconds == 0)
    return fail(Code::invalid, "transform.every_seconds is 0: the models would never be run");
  TRY_LET(const DataFolder folder, open_role_folder(config.data, transform_role, system_files()));
  TRY(remove_with_content(system_files(), folder.query_spill()));  // what a process that was killed left there
  const auto metrics = make_metrics();
  expose_process(*metrics, std::string(version()));
  TRY_LET(const auto copies, open_copies_of(config, folder));
  ModelSchedule schedule(config, folder, *copies, system_clock(), *metrics);
  const auto tell = [&] { tell_metrics(*metrics, flags); };

  // Beyond this point nothing is opened.
  supervisor::tell_ready();
  log::info("making the treated and final tables", {{"version", version()}, {"data", config.data}});
  tell();
  schedule.run(stop, tell);
  log::info("stopped");
  return {};
}

// Markdown: every table with its columns.
std::string docs_of(const Graph& graph) {
  std::string text;
  for (const Model& model : graph.models) {
    text += "### " + model.name + "\n" + model.what + " A row is " + model.grain +
            ".\n\n| column | type | unit | what |\n|---|---|---|---|\n";
    for (const transform::ModelColumn& column : model.columns)
      text += "| `" + column.name + "` | " + column.type + (column.nullable ? " null" : "") + " | " + column.unit +
              " | " + column.what + " |\n";
    text += "\n";
  }
  return text;
}

// A Mermaid flowchart: what is made of what.
std::string lineage_of(const Graph& graph) {
  std::string text = "flowchart LR\n";
  for (size_t i = 0; i < graph.models.size(); ++i)
    for (const std::string& input : graph.reads[i]) text += "  " + input + " --> " + graph.models[i].name + "\n";
  return text;
}

// What is in the lake; nothing where there is none yet, or the settings do not say how to reach it.
Result<lake::Snapshot> lake_or_none(const Config& config, const DataFolder& folder) {
  const auto objects = open_objects_to_read(config, folder);
  if (!objects && (objects.error().code == Code::not_found || objects.error().code == Code::invalid))
    return lake::Snapshot{};
  if (!objects) return std::unexpected(objects.error());
  TRY_LET(const auto catalog, lake::open_catalog(**objects, system_clock()));
  return *catalog->now();
}

int tell(const Config& config, const TransformFlags& flags, std::string (*text_of)(const Graph&)) {
  const auto text = [&]() -> Result<std::string> {
    TRY_LET(const DataFolder folder, look_into_data_folder(config.data, system_files()));
    TRY_LET(const auto engine, open_engine_of(config, folder, 1));
    TRY_LET(const lake::Snapshot lake, lake_or_none(config, folder));
    TRY_LET(const Graph graph, graph_of(*engine, models_folder(config, flags), lake));
    return text_of(graph);
  }();
  return print(text);
}

}  // namespace

std::function<int()> add_transform(CLI::App& command) {
  auto chosen = std::make_shared<Run>();
  auto flags = std::make_shared<TransformFlags>();
  const auto add_models = [flags](CLI::App& sub) {
    sub.add_option("--models", flags->models,
                   "a folder of models beside those of Waybill, in place of transform.models");
  };
  const auto add_dates = [flags, add_models](CLI::App& sub) {
    add_models(sub);
    sub.add_option("--from", flags->from, "the first date, 2026-11-29")->required();
    sub.add_option("--to", flags->to, "the last date")->required();
  };
  const auto runs = [flags](const Config& config) { return end_of(run, config, *flags); };
  below(command, "run", "make what has changed", chosen, add_models, runs);
  below(command, "backfill", "make these dates again, changed or not", chosen, add_dates, runs);
  below(command, "test", "test the tables that are there, and make nothing", chosen, add_models,
        [flags](const Config& config) { return end_of(test, config, *flags); });
  below(command, "docs", "every table and its columns, as Markdown", chosen, add_models,
        [flags](const Config& config) { return tell(config, *flags, docs_of); });
  below(command, "lineage", "what is made of what, as a Mermaid flowchart", chosen, add_models,
        [flags](const Config& config) { return tell(config, *flags, lineage_of); });
  add_role(command, "schedule", "make what has changed every transform.every_seconds, as a process of its own", chosen,
           keep_making);
  command.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace waybill::app
