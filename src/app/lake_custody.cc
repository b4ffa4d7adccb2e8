#include "app/lake_custody.h"

#include <algorithm>
#include <set>

#include "lake/layout.h"
#include "transform/plan.h"

namespace waybill::app {
namespace {

using serve::LakeCustody;
using serve::LakePlace;
using What = serve::LakePlace::What;

constexpr std::string_view treated_table = "treated.location";

bool may_hold(What what, const std::string& table) {
  const auto is = [&](lake::BronzeTable one) { return table == lake::table_name(one); };
  switch (what) {
    case What::unknown:
      return is(lake::BronzeTable::deliverer_location) || is(lake::BronzeTable::order_command) ||
             is(lake::BronzeTable::quarantine);
    case What::location: return is(lake::BronzeTable::deliverer_location);
    case What::command: return is(lake::BronzeTable::order_command);
    case What::quarantined: return is(lake::BronzeTable::quarantine);
    case What::other: return false;
  }
  return false;
}

bool covers(const lake::DataFile& file, uint32_t partition, uint64_t offset) {
  return file.from && file.from->partition == partition && file.from->offset <= offset && offset < file.to;
}

void add_treated(const lake::DataFile& file, const LakePlace& place, LakeCustody& custody) {
  std::set<std::string> dates(file.dates.begin(), file.dates.end());
  if (place.fix_time) dates = {lake::date_text(*place.fix_time)};
  for (const std::string& date : dates)
    custody.treated.push_back(
        {.date = date, .made = custody.treated_version && file.changed <= *custody.treated_version});
}

}  // namespace

LakeCustody custody_in(const lake::Snapshot& lake, uint32_t partition, const LakePlace& place) {
  LakeCustody custody;
  const auto mark = lake.watermarks.find(partition);
  if (mark == lake.watermarks.end() || place.offset >= mark->second.end) return custody;
  if (place.offset < mark->second.begin) {
    custody.raw = LakeCustody::Raw::before;
    return custody;
  }
  custody.raw = LakeCustody::Raw::taken;
  custody.treated_version = transform::version_made_of(lake, treated_table);
  for (const auto& [key, file] : lake.files) {
    if (!covers(file, partition, place.offset) || !may_hold(place.what, file.table)) continue;
    custody.files.push_back({.key = key, .version = file.changed});
    if (file.table == lake::table_name(lake::BronzeTable::deliverer_location)) add_treated(file, place, custody);
  }
  return custody;
}

uint64_t rows_not_treated(const lake::Snapshot& lake) {
  const uint64_t made = transform::version_made_of(lake, treated_table).value_or(0);
  uint64_t rows = 0;
  for (const lake::DataFile* file : lake.of_table(lake::table_name(lake::BronzeTable::deliverer_location)))
    if (file->changed > made) rows += file->rows;
  return rows;
}

}  // namespace waybill::app
