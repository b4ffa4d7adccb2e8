#include "lake/books.h"

#include <algorithm>

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
    case Kind::other: break;
  }
  return sum;
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
  std::array<store::Sum, kind_count> in_files{};
  for (const auto& [key, file] : lake.files) {
    const auto kind = kind_of_table(file.table);
    if (!kind || !file.from || file.from->partition != beside.partition) continue;
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
  return result;
}

std::vector<ingest::Difference> reread(const Snapshot& lake, const Objects& objects) {
  std::vector<ingest::Difference> differences;
  for (const auto& [key, file] : lake.files) {
    const auto differs = [&, &file = file](std::string what) {
      differences.push_back({file.from ? file.from->offset : 0, file.to, file.key + ": " + std::move(what)});
    };
    const Result<std::string> content = objects.get(file.key);
    if (!content) {
      differs("cannot be read: " + content.error().message);
      continue;
    }
    if (content->size() != file.bytes || crc32c(as_bytes(*content)) != file.crc32c) {
      differs("is not what was written: its checksum differs");
      continue;
    }
    const auto kind = kind_of_table(file.table);
    if (!kind) continue;
    const Result<store::Sum> rows = sum_of_file(*kind, as_bytes(*content));
    if (!rows)
      differs(rows.error().message);
    else if (*rows != store::Sum{.count = file.rows, .ids = file.ids})
      differs("rows: " + describe(*rows) + "; catalog: " + describe({.count = file.rows, .ids = file.ids}));
  }
  return differences;
}

}  // namespace waybill::lake
