// transform/dates.h — dates as the catalog has them, "2026-11-29", and those around them.
#pragma once

#include <chrono>
#include <cstdio>
#include <set>
#include <string>

#include "lake/layout.h"

namespace waybill::transform {

using Dates = std::set<std::string>;

// The date so many days later; the text itself where it is none.
inline std::string date_plus(const std::string& date, int days) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  if (std::sscanf(date.c_str(), "%d-%u-%u", &year, &month, &day) != 3) return date;
  const std::chrono::sys_days at = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return lake::date_text(Time(at + std::chrono::days(days)));
}

inline void add_around(Dates& dates, const std::string& date, int before, int after) {
  for (int days = -before; days <= after; ++days) dates.insert(date_plus(date, days));
}

}  // namespace waybill::transform
