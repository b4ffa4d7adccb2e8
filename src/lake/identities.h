// lake/identities.h — how many different locations the raw tables have of each date: what the treated ones are measured by.
//
// Threads: a pure function; memory for the identities of some million rows, whatever the lake has.
// Failure: as Objects::get(); corrupt: a file is not what the catalog says of it.
#pragma once

#include <map>
#include <set>
#include <string>

#include "lake/catalog.h"

namespace waybill::lake {

struct DateCount {
  uint64_t rows = 0;
  uint64_t identities = 0;  // each counted once

  bool operator==(const DateCount&) const = default;
};

// By date of the fix (UTC), of these dates; those without rows are not in it. Dates are counted together as long as their files
// have at most `rows_at_once_max` rows.
inline constexpr uint64_t identities_at_once_max = 4'000'000;
Result<std::map<std::string, DateCount>> count_identities(const Snapshot& lake, const Objects& objects,
                                                          const std::set<std::string>& dates,
                                                          uint64_t rows_at_once_max = identities_at_once_max);

}  // namespace waybill::lake
