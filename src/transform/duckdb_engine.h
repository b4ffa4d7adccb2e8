// transform/duckdb_engine.h — an engine on DuckDB, in this process; its library is loaded when the first one is opened.
//
// Failure: unavailable: DuckDB is not where it was installed; invalid: an option that it does not take.
#pragma once

#include "transform/engine.h"

namespace waybill::transform {

struct DuckdbOptions {
  uint64_t memory_mib_max = 512;
  int threads = 0;  // 0: as many as the machine has cores
  std::string spill_folder{};  // for what does not fit into memory; made when needed. Empty: nothing is spilled
  uint64_t spill_mib_max = 4096;
};
Result<std::unique_ptr<Engine>> open_duckdb_engine(const DuckdbOptions& options);

}  // namespace waybill::transform
