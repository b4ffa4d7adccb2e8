// transform/lint.h — what a model's SQL may say, so that DuckDB, Spark, Trino and ClickHouse all understand it alike, and what it reads.
//
// Threads: as the engine's.
// Failure: invalid names the model and what is not allowed, or not there.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "transform/model.h"

namespace waybill::transform {

// The tables that a model reads, by "schema.table". invalid: SQL outside the subset.
Result<std::set<std::string>> lint(Engine& engine, const Model& model);

struct Graph {
  std::vector<Model> models;  // each behind those that it reads
  std::vector<std::set<std::string>> reads;  // of each
};

// `known` are the tables that no model makes. invalid also: a table that nobody makes, models that read each other in a ring.
Result<Graph> arrange(Engine& engine, std::vector<Model> models, const std::set<std::string>& known);

}  // namespace waybill::transform
