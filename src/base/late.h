// base/late.h — what is big is loaded when it is first used: a shared object that comes with the program, and what it offers.
//
// A room says LATE in its CMakeLists.txt which of its folders is such a one, and declares in a header what it offers:
//   struct Parquet { Result<std::unique_ptr<Writer>> (*open)(Files&, const std::string& path); };
//   extern "C" const Parquet waybill_lake_parquet;  // defined in the folder; elsewhere only reached by
//   TRY_LET(const Parquet* parquet, late<Parquet>("waybill_lake_parquet"));
//
// Threads: from any thread. What was loaded stays until the process ends; asking again is cheap.
// Failure: unavailable: it is not where it was installed, or of another version.
#pragma once

#include <string>

#include "base/result.h"

namespace waybill {

Result<void*> late_symbol(const std::string& library, const std::string& symbol);

// The object `name` of the shared object `name`.so.
template <class Offer>
Result<const Offer*> late(const std::string& name) {
  TRY_LET(const void* offer, late_symbol(name + ".so", name));
  return static_cast<const Offer*>(offer);
}

}  // namespace waybill
