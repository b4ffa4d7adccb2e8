// lake/parquet/parquet.h — what the shared object of this folder offers; lake/table_file.h says what it does.
#pragma once

#include "lake/table_file.h"

namespace waybill::lake {

Result<std::string> write_parquet(std::string_view table, std::span<const ColumnSpec> columns, size_t rows,
                                  const GiveCells& give);
Result<void> read_parquet(Bytes file, std::string_view table, std::span<const ColumnSpec> columns,
                          const TakeCells& take);

struct Parquet {
  decltype(write_parquet)* write;
  decltype(read_parquet)* read;
};
extern "C" const Parquet waybill_lake_parquet;

}  // namespace waybill::lake
