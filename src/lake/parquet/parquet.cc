#include "lake/parquet/parquet.h"

namespace waybill::lake {

const Parquet waybill_lake_parquet = {.write = write_parquet, .read = read_parquet};

}  // namespace waybill::lake
