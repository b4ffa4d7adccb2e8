// serve/erasures.h — what the routes of erasures need of who takes data out: the platform gives it.
//
// Threads: all methods from any thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "domain/erasure.h"

namespace waybill::serve {

class Erasures {
 public:
  virtual ~Erasures() = default;
  // What the journal is to be told; the name itself is not in it. Failure: of making the key of the names.
  virtual Result<Erasure> of_name(Erasure::Kind kind, const std::string& id) = 0;
  // The erasure of this name as it stands, as JSON; nothing where there is none.
  virtual Result<std::optional<std::string>> of(const Erasure& erasure) = 0;
  virtual Result<std::optional<std::string>> at(const std::string& position) = 0;  // by its record's position
  virtual Result<std::string> all() = 0;  // an array, oldest first
  virtual void go_on() = 0;  // there may be a new one
};

}  // namespace waybill::serve
