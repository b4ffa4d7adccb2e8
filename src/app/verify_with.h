// app/verify_with.h — `waybill verify --with`: are the books of this folder those of another process that has the same journal?
#pragma once

#include <string>
#include <vector>

#include "app/config.h"
#include "app/http_client.h"

namespace waybill::app {

struct VerifyWith {
  std::vector<std::string> urls;
  std::string bearer;  // for each of them
  Trust trust;
};

// Prints, for each, up to where the two were compared and what differs; true where nothing does. Failure: one cannot be asked, or is not
// as far as this folder within two seconds.
Result<bool> verify_with(const Config& config, const VerifyWith& others);

}  // namespace waybill::app
