// transform/runner.h — makes the tables of models anew where what they are made of has changed: of a table by dates only those dates.
//
// Order:    a model after those that it reads. A date's files are replaced in one commit; the commit that ends a model says
//           of which version of the lake and of which SQL it was made, so a run that was broken off is made good by the next.
// Blocked:  a model whose rows fail a test keeps them, and is said to be failed; what reads it, directly or not, stays as
//           it was until the tests pass.
// Threads:  one runner at a time; of two processes the later claim wins, and the other's next commit is refused.
// Failure:  as catalog, objects and engine; what was committed before stays, nothing else is seen by anybody.
// Format:   docs/FORMATS.md, Models.
#pragma once

#include <functional>
#include <stop_token>

#include "lake/catalog.h"
#include "lake/copies.h"
#include "transform/lint.h"

namespace waybill::transform {

struct RunOptions {
  std::string scratch;  // a folder of this machine for files on their way; its content is ours
  uint64_t rows_at_once_max = 2'000'000;  // of the dates that are made together, as far as they are several
  std::string from{};  // dates to make whatever has changed, both included: "2026-11-29"; empty: none
  std::string to{};
  std::function<void(const std::string& model, double share)> progress = [](const std::string&, double) {};
  std::stop_token stop{};
};

enum class Made { current, made, failed, blocked };
std::string_view to_string(Made made);

struct ModelRun {
  std::string model;
  Made made = Made::current;
  uint64_t rows = 0;
  uint64_t dates = 0;
  double seconds = 0;  // its tests included
  std::string why{};  // failed, blocked
};

struct TestRun {
  std::string model;
  std::string test;
  uint64_t failing = 0;  // rows
};

struct Tables {
  lake::Catalog& catalog;
  lake::Objects& objects;
  lake::Copies& copies;  // of the objects
  Engine& engine;
};

// `raw`: the columns of the tables that no model makes, where they have no files yet.
Result<std::vector<ModelRun>> run_models(const Tables& tables, const Graph& graph,
                                         const std::map<std::string, std::vector<Column>>& raw,
                                         const RunOptions& options);

// Every test of every table that is there, over all its rows; nothing is made or written.
Result<std::vector<TestRun>> test_models(const Tables& tables, const Graph& graph,
                                         const std::map<std::string, std::vector<Column>>& raw,
                                         const RunOptions& options);

}  // namespace waybill::transform
