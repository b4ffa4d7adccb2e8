// app/batch_answer.h — what POST /v1/locations said of a batch, as simulate and replay need it.
//
// Failure: invalid where the body is not such an answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace waybill::app {

struct BatchAnswer {
  struct Failure {
    uint64_t item = 0;  // its place in the batch, from 0
    std::string field;  // empty where it is the item as a whole
    std::string reason;
  };
  std::vector<Failure> failures{};
  std::string last_position{};  // empty where nothing was taken
};

Result<BatchAnswer> read_batch_answer(std::string_view body);

// The error of an answer other than 2xx, in one line for the operator.
std::string error_text(int status, std::string_view body);

}  // namespace waybill::app
