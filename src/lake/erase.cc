#include "lake/erase.h"

#include <sstream>

#include "lake/bronze.h"
#include "lake/bronze_rows.h"
#include "lake/layout.h"

namespace waybill::lake {
namespace {

constexpr std::string_view property_prefix = "erased.";
constexpr std::string_view erase_role = "erase";

size_t at(Kind kind) { return static_cast<size_t>(kind); }

// What is left of a file, and how the books change.
struct Left {
  std::string content;
  store::Sum sum;  // of its rows
  uint64_t changed = 0;  // rows that went or lost the name
  std::map<uint64_t, Ledger> moved;  // by span
};

class Sieve {
 public:
  Sieve(const DataFile& file, Kind kind, const wire::ErasedNames& erased) : file_(file), kind_(kind), erased_(erased) {}

  // Whether the record stays, without the names.
  bool keeps(const Position& position, const EventId& id, wire::Record& record) {
    if (!erased_.names_one(record)) {
      left.sum.add(id);
      return true;
    }
    ++left.changed;
    Ledger& moved = moved_at(position.offset);
    if (erased_.take_out(record) == wire::ErasedNames::Left::nothing) {
      store::Sum one;
      one.add(id);
      moved.by_kind[at(kind_)] -= one;
      moved.by_kind[at(Kind::erased)] += one;
      return false;
    }
    const EventId now = wire::event_id_of(record);
    left.sum.add(now);
    EventId difference = id;
    difference -= now;
    moved.by_kind[at(kind_)].ids -= difference;
    moved.by_kind[at(Kind::erased)].ids += difference;
    return true;
  }

  Left left;

 private:
  Ledger& moved_at(uint64_t offset) {
    Ledger& moved = left.moved[offset / store::ledger_span];
    if (moved.to == 0) moved = {.partition = file_.from->partition, .from = offset, .to = offset + 1};
    moved.from = std::min(moved.from, offset);
    moved.to = std::max(moved.to, offset + 1);
    return moved;
  }

  const DataFile& file_;
  const Kind kind_;
  const wire::ErasedNames& erased_;
};

Result<Left> left_of_locations(const DataFile& file, Bytes content, const wire::ErasedNames& erased) {
  Sieve sieve(file, Kind::location, erased);
  LocationRows rows;
  TRY(read_locations(content, [&](const Position& position, const Location& location) {
    if (!erased.names_one(location)) {
      sieve.left.sum.add(event_id_of(location));
      return rows.add(position, location);
    }
    wire::Record record = location;
    if (sieve.keeps(position, event_id_of(location), record)) rows.add(position, std::get<Location>(record));
  }));
  if (sieve.left.changed == 0) return std::move(sieve.left);
  TRY_LET(sieve.left.content, rows.to_parquet());
  return std::move(sieve.left);
}

Result<Left> left_of_commands(const DataFile& file, Bytes content, const wire::ErasedNames& erased) {
  Sieve sieve(file, Kind::command, erased);
  CommandRows rows;
  TRY(read_commands(content, [&](const Position& position, const OrderCommand& command) {
    wire::Record record = command;
    if (sieve.keeps(position, wire::event_id_of(record), record)) rows.add(position, std::get<OrderCommand>(record));
  }));
  if (sieve.left.changed == 0) return std::move(sieve.left);
  TRY_LET(sieve.left.content, rows.to_parquet());
  return std::move(sieve.left);
}

Result<Left> left_of_quarantine(const DataFile& file, Bytes content, const wire::ErasedNames& erased) {
  Sieve sieve(file, Kind::quarantined, erased);
  QuarantineRows rows;
  TRY(read_quarantine(content, [&](const Position& position, const EventId& id, const wire::Quarantined& item) {
    wire::Record record = item;
    if (sieve.keeps(position, id, record)) rows.add(position, id, std::get<wire::Quarantined>(record));
  }));
  if (sieve.left.changed == 0) return std::move(sieve.left);
  TRY_LET(sieve.left.content, rows.to_parquet());
  return std::move(sieve.left);
}

struct Of {
  BronzeTable table = BronzeTable::quarantine;
  Result<Left> left;
};

Of left_of(const DataFile& file, Bytes content, const wire::ErasedNames& erased) {
  if (file.table == table_name(BronzeTable::deliverer_location))
    return {.table = BronzeTable::deliverer_location, .left = left_of_locations(file, content, erased)};
  if (file.table == table_name(BronzeTable::order_command))
    return {.table = BronzeTable::order_command, .left = left_of_commands(file, content, erased)};
  return {.table = BronzeTable::quarantine, .left = left_of_quarantine(file, content, erased)};
}

}  // namespace

Result<ErasedFile> erase_from(Objects& objects, Catalog& catalog, uint64_t claim, const DataFile& file,
                              const wire::ErasedNames& erased) {
  TRY_LET(const std::string content, objects.get(file.key));
  if (crc32c(as_bytes(content)) != file.crc32c)
    return fail(Code::corrupt, file.key + ": is not what was written: its checksum differs");
  auto [table, read] = left_of(file, as_bytes(content), erased);
  TRY_LET(Left left, std::move(read));
  if (left.changed == 0) return ErasedFile{};
  DataFile one = file;
  one.changed = 0;  // this version's: what is made of it is made again
  one.rows = left.sum.count;
  one.ids = left.sum.ids;
  one.bytes = left.content.size();
  one.crc32c = crc32c(as_bytes(left.content));
  ++one.generation;
  one.key = bronze_key(table, {one.date, one.hour}, *one.from, one.to, one.generation);
  TRY(put_unnamed(objects, one.key, as_bytes(left.content)));
  Change change{.role = std::string(bronze_role),
                .claim = claim,
                .what = "erase " + one.table,
                .add = {one},
                .remove = {file.key}};
  for (auto& [span, moved] : left.moved) change.moved.push_back(moved);
  TRY(catalog.commit(std::move(change)));
  return ErasedFile{.rows = left.changed, .key = one.key};
}

std::string erasure_property(std::string_view position) { return std::string(property_prefix).append(position); }

std::string to_text(const LakeErasure& erasure) {
  return std::string(to_string(erasure.kind)) + ' ' + to_hex(erasure.name) + (erasure.done ? " done " : " begun ") +
         std::to_string(erasure.files) + ' ' + std::to_string(erasure.rows);
}

std::optional<LakeErasure> erasure_at(const Snapshot& lake, const std::string& property) {
  const auto found = lake.properties.find(property);
  if (found == lake.properties.end()) return std::nullopt;
  std::istringstream text(found->second);
  std::string kind, name, state;
  LakeErasure erasure;
  text >> kind >> name >> state >> erasure.files >> erasure.rows;
  const auto parsed_kind = parse_erasure_kind(kind);
  const auto parsed_name = parse_hash128(name);
  if (!text || !parsed_kind || !parsed_name) return std::nullopt;
  erasure.kind = *parsed_kind;
  erasure.name = *parsed_name;
  erasure.done = state == "done";
  return erasure;
}

std::map<std::string, LakeErasure> erasures_of(const Snapshot& lake) {
  std::map<std::string, LakeErasure> found;
  for (auto at = lake.properties.lower_bound(std::string(property_prefix));
       at != lake.properties.end() && at->first.starts_with(property_prefix); ++at)
    if (const auto erasure = erasure_at(lake, at->first)) found.emplace(at->first, *erasure);
  return found;
}

Result<void> forget_replaced(Catalog& catalog, Clock& clock) {
  TRY_LET(const uint64_t claim, catalog.claim(std::string(erase_role)));
  // The newest version is always kept with what it replaced: one that replaces nothing comes behind it.
  TRY(catalog.commit({.role = std::string(erase_role), .claim = claim, .what = "erased"}));
  TRY(catalog.expire(clock.now() + std::chrono::seconds(1)));
  return {};
}

}  // namespace waybill::lake
