// transform/model.h — a model: one table, the SELECT that makes it, and what is said of it beside (docs/FORMATS.md, Models).
//
// Threads: pure functions.
// Failure: invalid names the file and what is wrong in it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transform/engine.h"

namespace waybill::transform {

// The dates of an input that a date of the model is made of: from `before` dates before it to `after` dates after it.
struct Reach {
  int before = 0;
  int after = 0;

  bool operator==(const Reach&) const = default;
};

struct ModelColumn {
  std::string name;
  std::string type;  // in SQL
  std::string unit{};  // "m", "us since 1970 UTC"; empty where it has none
  std::string what{};
  bool nullable = false;
  std::vector<std::string> accepted{};  // every value that it may have; empty: any
  std::string refers_to{};  // "final.dim_date.date_key": every value stands there; empty: to nothing
  std::optional<double> least{};
  std::optional<double> most{};
};

// A test of a table's rows that is none of a column: a SELECT whose every row is a failure.
struct ModelTest {
  std::string name;
  std::string sql;
};

struct Model {
  std::string name;  // "treated.location"
  std::string sql;
  std::string what{};
  std::string grain{};  // what a row is
  std::string partition{};  // the DATE column whose dates are made again one by one; empty: it is made whole
  std::vector<std::string> key{};  // columns that no two rows of a partition have in common
  std::map<std::string, Reach> reach{};  // by input, of those whose dates decide which are made again
  // By input, of those whose rows decide it in another way: a SELECT of the dates that rows of changed.<input> touch.
  std::map<std::string, std::string> touches{};
  std::vector<ModelColumn> columns{};
  std::vector<ModelTest> tests{};
  uint32_t made_of = 0;  // CRC32C of both files: another one, and all of the table is made again
};

// A file of a folder of models by its name in it: "treated/location.sql", "treated/location.toml".
using ModelFiles = std::map<std::string, std::string>;

// By name. Each .sql has a .toml beside it, and the other way round.
Result<std::vector<Model>> read_models(const ModelFiles& files);

}  // namespace waybill::transform
