// transform/duckdb/duckdb.h — what the shared object of this folder offers: transform/engine.h on DuckDB, in memory of its own.
#pragma once

#include "transform/duckdb_engine.h"

namespace waybill::transform {

struct Duckdb {
  Result<std::unique_ptr<Engine>> (*open)(const DuckdbOptions& options);
};
extern "C" const Duckdb waybill_transform_duckdb;

}  // namespace waybill::transform
