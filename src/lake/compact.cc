#include "lake/compact.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "lake/bronze.h"
#include "lake/bronze_rows.h"

namespace waybill::lake {
namespace {

std::vector<const DataFile*> raw_files(const Snapshot& lake, BronzeTable table, const IngestHour& open) {
  std::vector<const DataFile*> files;
  for (const DataFile* file : lake.of_table(table_name(table)))
    if (file->from && std::tie(file->date, file->hour) < std::tie(open.date, open.hour)) files.push_back(file);
  std::ranges::sort(files, {}, [](const DataFile* file) {
    return std::tuple(file->date, file->hour, file->from->epoch, file->from->partition, file->from->offset);
  });
  return files;
}

bool belong_together(const DataFile& one, const DataFile& next) {
  return one.date == next.date && one.hour == next.hour && one.from->epoch == next.from->epoch &&
         one.from->partition == next.from->partition && one.to <= next.from->offset;
}

struct Merged {
  std::string content;
  store::Sum sum;
};

Result<Merged> merge_locations(const std::vector<std::string>& contents) {
  LocationRows rows;
  store::Sum sum;
  for (const std::string& content : contents)
    TRY(read_locations(as_bytes(content), [&](const Position& position, const Location& location) {
      rows.add(position, location);
      sum.add(event_id_of(location));
    }));
  TRY_LET(std::string content, rows.to_parquet());
  return Merged{std::move(content), sum};
}

Result<Merged> merge_commands(const std::vector<std::string>& contents) {
  CommandRows rows;
  store::Sum sum;
  for (const std::string& content : contents)
    TRY(read_commands(as_bytes(content), [&](const Position& position, const OrderCommand& command) {
      rows.add(position, command);
      sum.add(wire::event_id_of(command));
    }));
  TRY_LET(std::string content, rows.to_parquet());
  return Merged{std::move(content), sum};
}

Result<Merged> merge_quarantine(const std::vector<std::string>& contents) {
  QuarantineRows rows;
  store::Sum sum;
  for (const std::string& content : contents)
    TRY(read_quarantine(as_bytes(content),
                        [&](const Position& position, const EventId& id, const wire::Quarantined& item) {
                          rows.add(position, id, item);
                          sum.add(id);
                        }));
  TRY_LET(std::string content, rows.to_parquet());
  return Merged{std::move(content), sum};
}

Result<Merged> merge(std::string_view table, const std::vector<std::string>& contents) {
  if (table == table_name(BronzeTable::deliverer_location)) return merge_locations(contents);
  if (table == table_name(BronzeTable::order_command)) return merge_commands(contents);
  return merge_quarantine(contents);
}

BronzeTable bronze_table(std::string_view table) {
  for (size_t i = 0; i + 1 < bronze_table_count; ++i)
    if (table == table_name(BronzeTable(i))) return BronzeTable(i);
  return BronzeTable(bronze_table_count - 1);
}

}  // namespace

std::vector<const DataFile*> next_to_compact(const Snapshot& lake, const IngestHour& open,
                                             const CompactOptions& options) {
  for (size_t i = 0; i < bronze_table_count; ++i) {
    std::vector<const DataFile*> together;
    uint64_t rows = 0;
    for (const DataFile* file : raw_files(lake, BronzeTable(i), open)) {
      if (!together.empty() && (!belong_together(*together.back(), *file) || rows + file->rows > options.rows_max)) {
        if (together.size() > 1) return together;
        together.clear();
        rows = 0;
      }
      together.push_back(file);
      rows += file->rows;
    }
    if (together.size() > 1) return together;
  }
  return {};
}

Result<void> compact(Objects& objects, Catalog& catalog, uint64_t claim, const std::vector<const DataFile*>& files) {
  const DataFile& first = *files.front();
  DataFile one = first;
  one.to = files.back()->to;
  one.rows = 0;
  one.ids = {};
  std::set<std::string> dates;
  std::vector<std::string> contents;
  std::vector<std::string> keys;
  for (const DataFile* file : files) {
    TRY_LET(contents.emplace_back(), objects.get(file->key));
    if (crc32c(as_bytes(contents.back())) != file->crc32c)
      return fail(Code::corrupt, file->key + ": is not what was written: its checksum differs");
    keys.push_back(file->key);
    one.rows += file->rows;
    one.ids += file->ids;
    one.changed = std::max(one.changed, file->changed);
    one.generation = std::max(one.generation, file->generation);
    dates.insert(file->dates.begin(), file->dates.end());
  }
  ++one.generation;
  one.dates.assign(dates.begin(), dates.end());
  TRY_LET(const Merged merged, merge(one.table, contents));
  if (merged.sum != store::Sum{.count = one.rows, .ids = one.ids})
    return fail(Code::corrupt, first.key + " and those behind it: their rows are not those that the catalog has");
  one.bytes = merged.content.size();
  one.crc32c = crc32c(as_bytes(merged.content));
  one.key = bronze_key(bronze_table(one.table), {one.date, one.hour}, *one.from, one.to, one.generation);
  TRY(put_unnamed(objects, one.key, as_bytes(merged.content)));
  TRY(catalog.commit({.role = std::string(bronze_role),
                      .claim = claim,
                      .what = "compact " + one.table,
                      .add = {one},
                      .remove = std::move(keys)}));
  return {};
}

}  // namespace waybill::lake
