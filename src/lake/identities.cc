#include "lake/identities.h"

#include <algorithm>

#include "lake/bronze_rows.h"
#include "lake/layout.h"

namespace waybill::lake {
namespace {

using Files = std::vector<const DataFile*>;

// In SQL the two zeros are one number.
Location with_one_zero(const Location& location) {
  Location same = location;
  same.latitude += 0.0;
  same.longitude += 0.0;
  return same;
}

Result<void> count_some(const Files& files, const Objects& objects, const std::set<std::string>& dates,
                        std::map<std::string, DateCount>& into) {
  std::map<std::string, std::vector<Hash128>> ids;
  for (const DataFile* file : files) {
    if (std::ranges::none_of(file->dates, [&](const std::string& date) { return dates.contains(date); })) continue;
    TRY_LET(const std::string content, objects.get(file->key));
    if (crc32c(as_bytes(content)) != file->crc32c)
      return fail(Code::corrupt, file->key + ": is not what was written: its checksum differs");
    TRY(read_locations(as_bytes(content), [&](const Position&, const Location& location) {
      const std::string date = date_text(location.fix_time);
      if (dates.contains(date)) ids[date].push_back(event_id_of(with_one_zero(location)));
    }));
  }
  for (auto& [date, of_date] : ids) {
    std::ranges::sort(of_date);
    const uint64_t rows = of_date.size();
    const auto repeats = std::ranges::unique(of_date);
    into[date] = {.rows = rows, .identities = rows - repeats.size()};
  }
  return {};
}

}  // namespace

Result<std::map<std::string, DateCount>> count_identities(const Snapshot& lake, const Objects& objects,
                                                          const std::set<std::string>& dates,
                                                          uint64_t rows_at_once_max) {
  const Files files = lake.of_table(table_name(BronzeTable::deliverer_location));
  std::map<std::string, uint64_t> rows;  // at most so many
  for (const DataFile* file : files)
    for (const std::string& date : file->dates) rows[date] += file->rows;
  std::map<std::string, DateCount> counts;
  std::set<std::string> together;
  uint64_t rows_together = 0;
  for (const std::string& date : dates) {
    if (!together.empty() && rows_together + rows[date] > rows_at_once_max) {
      TRY(count_some(files, objects, together, counts));
      together.clear();
      rows_together = 0;
    }
    together.insert(date);
    rows_together += rows[date];
  }
  TRY(count_some(files, objects, together, counts));
  return counts;
}

}  // namespace waybill::lake
