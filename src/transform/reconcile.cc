#include "transform/reconcile.h"

#include <algorithm>
#include <charconv>

#include "lake/identities.h"
#include "lake/layout.h"
#include "transform/plan.h"

namespace waybill::transform {
namespace {

constexpr std::string_view treated_table = "treated.location";

// The dates of the raw tables to which nothing has come since treated.location was made.
Dates settled_dates(const std::vector<const lake::DataFile*>& raw, uint64_t version) {
  Dates settled, changed;
  for (const lake::DataFile* file : raw)
    for (const std::string& date : file->dates) (file->changed > version ? changed : settled).insert(date);
  for (const std::string& date : changed) settled.erase(date);
  return settled;
}

// Whether a file surely has rows of the date: of several dates an erasure may have left some without any.
bool has_rows(const std::vector<const lake::DataFile*>& raw, const std::string& date) {
  return std::ranges::any_of(raw, [&](const lake::DataFile* file) {
    const bool whole = file->generation == 0 || file->dates.size() == 1;
    return whole && file->rows > 0 && std::ranges::find(file->dates, date) != file->dates.end();
  });
}

struct Treated {
  uint64_t rows = 0;
  uint64_t repeats = 0;
};

uint64_t number(const Cell& cell) {
  uint64_t value = 0;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
  return value;
}

Result<std::map<std::string, Treated>> count_treated(const lake::Snapshot& lake, lake::Loan& loan, Engine& engine) {
  std::map<std::string, Treated> counts;
  NamedTable table{.name = std::string(treated_table)};
  for (const lake::DataFile* file : lake.of_table(treated_table)) {
    TRY_LET(table.files.emplace_back(), loan.path_of(*file));
  }
  if (table.files.empty()) return counts;
  TRY(engine.name_table(table));
  TRY_LET(const Answer answer,
          engine.query(
              "SELECT CAST(fix_date AS VARCHAR), COUNT(*), SUM(repeats) FROM treated.location GROUP BY fix_date", {}));
  for (const std::vector<Cell>& row : answer.rows)
    counts[row.at(0).value_or("")] = {.rows = number(row.at(1)), .repeats = number(row.at(2))};
  return counts;
}

std::string described(uint64_t locations, uint64_t repeats) {
  return std::to_string(locations) + " locations and " + std::to_string(repeats) + " repeats";
}

}  // namespace

Reconciliation reconcile(const lake::Snapshot& lake) {
  Reconciliation result{.version = version_made_of(lake, treated_table)};
  const auto raw = lake.of_table(lake::table_name(lake::BronzeTable::deliverer_location));
  const auto treated = lake.of_table(treated_table);
  for (const lake::DataFile* file : treated) result.rows += file->rows;
  uint64_t rows = 0;
  for (const lake::DataFile* file : raw) {
    rows += file->rows;
    if (file->changed > result.version.value_or(0)) result.waiting += file->rows;
  }
  if (!result.version) return result;
  // An erasure takes rows out of raw files, under a new version; treated.location has them until it is made anew.
  const bool replaced = std::ranges::any_of(
      raw, [&](const lake::DataFile* file) { return file->generation > 0 && file->changed > *result.version; });
  if (result.rows > rows && !replaced)
    result.differences.push_back("treated.location has " + std::to_string(result.rows) +
                                 " rows, more than the raw tables have locations (" + std::to_string(rows) + ")");
  std::map<std::string, uint64_t> by_date;
  for (const lake::DataFile* file : treated) by_date[file->date] += file->rows;
  for (const std::string& date : settled_dates(raw, *result.version)) {
    ++result.dates;
    if (by_date[date] == 0 && has_rows(raw, date))
      result.differences.push_back(date + ": the raw tables have locations of it, treated.location has none");
  }
  return result;
}

Result<Reconciliation> reconcile_rows(const lake::Snapshot& lake, const lake::Objects& objects, lake::Loan& loan,
                                      Engine& engine) {
  Reconciliation result = reconcile(lake);
  if (!result.version) return result;
  const Dates dates =
      settled_dates(lake.of_table(lake::table_name(lake::BronzeTable::deliverer_location)), *result.version);
  TRY_LET(auto raw, lake::count_identities(lake, objects, dates));
  TRY_LET(auto treated, count_treated(lake, loan, engine));
  for (const std::string& date : dates) {
    const lake::DateCount& came = raw[date];
    const Treated& made = treated[date];
    if (made.rows != came.identities || made.repeats != came.rows - came.identities)
      result.differences.push_back(date + ": raw: " + described(came.identities, came.rows - came.identities) +
                                   "; treated.location: " + described(made.rows, made.repeats));
  }
  return result;
}

}  // namespace waybill::transform
