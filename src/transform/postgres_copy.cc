#include "transform/postgres_copy.h"

#include "base/late.h"
#include "transform/postgres/postgres.h"

namespace waybill::transform {

Result<PostgresCopy> copy_postgres(const PostgresOptions& options,
                                   const std::function<Result<void>(Bytes piece)>& take) {
  TRY_LET(const Postgres* postgres, late<Postgres>("waybill_transform_postgres"));
  return postgres->copy(options, take);
}

}  // namespace waybill::transform
