// transform/postgres/postgres.h — what the shared object of this folder offers: transform/postgres_copy.h by libpq.
#pragma once

#include "transform/postgres_copy.h"

namespace waybill::transform {

struct Postgres {
  Result<PostgresCopy> (*copy)(const PostgresOptions& options, const std::function<Result<void>(Bytes piece)>& take);
};
extern "C" const Postgres waybill_transform_postgres;

}  // namespace waybill::transform
