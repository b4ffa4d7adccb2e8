#include "lake/table_file.h"

#include "base/late.h"
#include "lake/parquet/parquet.h"

namespace waybill::lake {
Result<std::string> write_table(std::string_view table, std::span<const ColumnSpec> columns, size_t rows,
                                const GiveCells& give) {
  TRY_LET(const Parquet* parquet, late<Parquet>("waybill_lake_parquet"));
  return parquet->write(table, columns, rows, give);
}

Result<void> read_table(Bytes file, std::string_view table, std::span<const ColumnSpec> columns,
                        const TakeCells& take) {
  TRY_LET(const Parquet* parquet, late<Parquet>("waybill_lake_parquet"));
  return parquet->read(file, table, columns, take);
}

}  // namespace waybill::lake
