// transform/postgres_copy.h — the rows of a PostgreSQL table as CSV, from one state of the database; its library is loaded when it is first used.
//
// Threads: from any.
// Failure: invalid: the URI, the table or its column; denied: it does not let us in, or the address is not allowed; unavailable: it does not
//          answer, our shared object or its library is not there, or we were told to stop.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/files.h"
#include "transform/engine.h"

namespace waybill::transform {

struct PostgresOptions {
  std::string uri;  // postgresql://user@host:port/database, libpq's parameters behind it; without a password
  std::string password{};
  std::string ca_file{};  // PEM file of whom to trust; empty: the system's
  std::string relation;  // "orders" or "shop.orders"
  std::string growing{};  // of its columns: only rows above `from` are read; empty: all rows
  std::string from{};  // empty: from the least on
  // The address to connect to of a host, or why it may not be.
  std::function<Result<std::string>(const std::string& host)> address;
  std::stop_token stop{};
};

struct PostgresCopy {
  std::vector<Column> columns;  // with the types of SQL and JSON that ours have
  uint64_t rows = 0;
  std::string to{};  // the highest value of the growing column; `from` where there is none above it
};

Result<PostgresCopy> copy_postgres(const PostgresOptions& options,
                                   const std::function<Result<void>(Bytes piece)>& take);

}  // namespace waybill::transform
