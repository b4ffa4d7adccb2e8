#include "lake/books.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>

#include "lake/bronze_rows.h"
#include "lake/layout.h"

namespace waybill::lake {
namespace {

std::string describe(const store::Sum& sum) { return std::to_string(sum.count) + " records, ids " + to_hex(sum.ids); }

// What the store says of exactly [from, to); nothing where its ledgers are cut elsewhere, or it let go of them.
std::optional<store::Sum> store_sum(const std::vector<store::Ledger>& ledgers, uint64_t from, uint64_t to) {
  const auto found = std::ranges::find_if(ledgers, [&](const store::Ledger& ledger) { return ledger.from == from; });
  if (found == ledgers.end() || found->to != to) return std::nullopt;
  return found->total();
}

void compare(const Ledger& ledger, const Beside& beside, std::vector<ingest::Difference>& differences) {
  const auto differs = [&](std::string what) { differences.push_back({ledger.from, ledger.to, std::move(what)}); };
  const store::Sum ours = ledger.total();
  if (ledger.to > beside.journal_end) return differs("the lake has positions that the journal never gave");
  if (const auto stored = store_sum(beside.store, ledger.from, ledger.to)) {
    if (*stored != ours) differs("store: " + describe(*stored) + "; lake: " + describe(ours));
    return;
  }
  if (ledger.from < beside.journal_begin) return;
  const Result<store::Sum> kept = ingest::sum_of_journal(beside.read, ledger.from, ledger.to);
  if (!kept) return differs("the journal cannot be read: " + kept.error().message);
  if (*kept != ours) differs("journal: " + describe(*kept) + "; lake: " + describe(ours));
}

// What the store has let go of is one ledger there.
void compare_purged(const Snapshot& lake, const Beside& beside, std::vector<ingest::Difference>& differences) {
  for (const store::Ledger& ledger : beside.store) {
    if (ledger.of(store::Outcome::purged).count == 0) continue;
    const auto ours = lake.sum(beside.partition, ledger.from, ledger.to);
    if (ours && *ours != ledger.total())
      differences.push_back(
          {ledger.from, ledger.to, "store, let go: " + describe(ledger.total()) + "; lake: " + describe(*ours)});
  }
}

std::optional<Kind> kind_of_table(std::string_view table) {
  if (table == table_name(BronzeTable::deliverer_location)) return Kind::location;
  if (table == table_name(BronzeTable::order_command)) return Kind::command;
  if (table == table_name(BronzeTable::quarantine)) return Kind::quarantined;
  return std::nullopt;
}

// What the partition's files have, against what its ledgers say.
void compare_files(const Snapshot& lake, uint32_t partition, Balance& result) {
  std::array<store::Sum, kind_count> in_files{};
  for (const auto& [key, file] : lake.files) {
    const auto kind = kind_of_table(file.table);
    if (!kind || !file.from || file.from->partition != partition) continue;
    ++result.files;
    result.bytes += file.bytes;
    in_files[static_cast<size_t>(*kind)] += {.count = file.rows, .ids = file.ids};
  }
  for (const Kind kind : {Kind::location, Kind::command, Kind::quarantined}) {
    const auto i = static_cast<size_t>(kind);
    if (in_files[i] != result.by_kind[i])
      result.differences.push_back({result.mark.begin, result.mark.end,
                                    std::string(to_string(kind)) + ": files: " + describe(in_files[i]) +
                                        "; ledgers: " + describe(result.by_kind[i])});
  }
}

// Files of one table whose ranges have a position in common.
void compare_ranges(const Snapshot& lake, std::vector<ingest::Difference>& differences) {
  std::map<std::pair<std::string, uint32_t>, std::vector<const DataFile*>> by_table;
  for (const auto& [key, file] : lake.files)
    if (file.from) by_table[{file.table, file.from->partition}].push_back(&file);
  for (auto& [table, files] : by_table) {
    std::ranges::sort(files, {}, [](const DataFile* file) { return file->from->offset; });
    for (size_t i = 1; i < files.size(); ++i)
      if (files[i]->from->offset < files[i - 1]->to)
        differences.push_back({files[i]->from->offset, files[i - 1]->to,
                               files[i]->key + " and " + files[i - 1]->key + " have positions in common"});
  }
}

// Whether each file is there, in its size.
Result<void> compare_objects(const Snapshot& lake, const Objects& objects, OwnBalance& result) {
  std::map<std::string, uint64_t> there;
  for (const std::string_view zone : {"raw/", "treated/", "final/"}) {
    TRY_LET(const std::vector<ObjectInfo> found, objects.list(std::string(zone), {}));
    for (const ObjectInfo& object : found) there[object.key] = object.bytes;
  }
  for (const auto& [key, file] : lake.files) {
    ++result.files;
    result.bytes += file.bytes;
    result.rows += file.rows;
    const auto found = there.find(key);
    const uint64_t from = file.from ? file.from->offset : 0;
    if (found == there.end())
      result.differences.push_back({from, file.to, key + ": is not there"});
    else if (found->second != file.bytes)
      result.differences.push_back(
          {from, file.to,
           key + ": has " + std::to_string(found->second) + " bytes; catalog: " + std::to_string(file.bytes)});
    if (found != there.end()) there.erase(found);
  }
  result.others = there.size();
  return {};
}

Result<store::Sum> sum_of_file(Kind kind, Bytes content) {
  store::Sum sum;
  switch (kind) {
    case Kind::location:
      TRY(read_locations(content, [&](const Position&, const Location& row) { sum.add(event_id_of(row)); }));
      break;
    case Kind::command:
      TRY(read_commands(content, [&](const Position&, const OrderCommand& row) { sum.add(wire::event_id_of(row)); }));
      break;
    case Kind::quarantined:
      TRY(read_quarantine(content, [&](const Position&, const EventId& id, const wire::Quarantined&) { sum.add(id); }));
      break;
    case Kind::other:
    case Kind::erased: break;
  }
  return sum;
}

// How the file differs from what the catalog says of it.
std::optional<ingest::Difference> reread_file(const DataFile& file, const Objects& objects) {
  const auto differs = [&](std::string what) {
    return ingest::Difference{file.from ? file.from->offset : 0, file.to, file.key + ": " + std::move(what)};
  };
  const Result<std::string> content = objects.get(file.key);
  if (!content) return differs("cannot be read: " + content.error().message);
  if (content->size() != file.bytes || crc32c(as_bytes(*content)) != file.crc32c)
    return differs("is not what was written: its checksum differs");
  const auto kind = kind_of_table(file.table);
  if (!kind) return std::nullopt;
  const Result<store::Sum> rows = sum_of_file(*kind, as_bytes(*content));
  if (!rows) return differs(rows.error().message);
  if (*rows != store::Sum{.count = file.rows, .ids = file.ids})
    return differs("rows: " + describe(*rows) + "; catalog: " + describe({.count = file.rows, .ids = file.ids}));
  return std::nullopt;
}

}  // namespace

Result<Balance> balance(const Snapshot& lake, const Beside& beside) {
  Balance result{.version = lake.version};
  if (const auto mark = lake.watermarks.find(beside.partition); mark != lake.watermarks.end())
    result.mark = mark->second;
  for (const auto& [span, ledger] : lake.ledgers) {
    if (ledger.partition != beside.partition) continue;
    for (size_t i = 0; i < kind_count; ++i) result.by_kind[i] += ledger.by_kind[i];
    compare(ledger, beside, result.differences);
  }
  compare_purged(lake, beside, result.differences);
  compare_files(lake, beside.partition, result);
  return result;
}

std::vector<ingest::Difference> reread(const Snapshot& lake, const Objects& objects) {
  std::vector<ingest::Difference> differences;
  for (const auto& [key, file] : lake.files)
    if (auto difference = reread_file(file, objects)) differences.push_back(*std::move(difference));
  return differences;
}

Result<void> reread_range(const Snapshot& lake, const Objects& objects, uint32_t partition, uint64_t from,
                          uint64_t to) {
  for (const auto& [key, file] : lake.files) {
    if (!file.from || file.from->partition != partition || file.from->offset >= to || file.to <= from) continue;
    if (const auto difference = reread_file(file, objects)) return fail(Code::corrupt, "the lake: " + difference->what);
  }
  return {};
}

Result<OwnBalance> own_balance(const Catalog& catalog, const Objects& objects) {
  const auto lake = catalog.now();
  OwnBalance result{.version = lake->version};
  if (const auto versions = catalog.history(SIZE_MAX); !versions)
    result.differences.push_back({0, 0, "a version of the catalog cannot be read: " + versions.error().message});
  for (const auto& [partition, mark] : lake->watermarks) {
    Balance of_partition{.mark = mark};
    for (const auto& [span, ledger] : lake->ledgers)
      if (ledger.partition == partition)
        for (size_t i = 0; i < kind_count; ++i) of_partition.by_kind[i] += ledger.by_kind[i];
    compare_files(*lake, partition, of_partition);
    std::ranges::move(of_partition.differences, std::back_inserter(result.differences));
  }
  compare_ranges(*lake, result.differences);
  TRY(compare_objects(*lake, objects, result));
  return result;
}

}  // namespace waybill::lake
