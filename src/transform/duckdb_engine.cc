#include "transform/duckdb_engine.h"

#include "base/late.h"
#include "transform/duckdb/duckdb.h"

namespace waybill::transform {

Result<std::unique_ptr<Engine>> open_duckdb_engine(const DuckdbOptions& options) {
  TRY_LET(const Duckdb* duckdb, late<Duckdb>("waybill_transform_duckdb"));
  return duckdb->open(options);
}

}  // namespace waybill::transform
