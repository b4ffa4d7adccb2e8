// transform/checks.h — the tests of a model's rows: what its description says of them, asked of the engine.
//
// Threads: as the engine's.
#pragma once

#include "transform/model.h"

namespace waybill::transform {

struct CheckResult {
  std::string check;  // "not_null fix_us"
  uint64_t failing = 0;  // rows
};

// Of the rows that the engine has under the model's name now.
Result<std::vector<CheckResult>> check_rows(Engine& engine, const Model& model, const Limits& limits);

}  // namespace waybill::transform
