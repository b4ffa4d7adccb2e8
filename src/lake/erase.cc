#include "lake/erase.h"

#include <array>
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
  uint64_t changed = 0;  // rows that went or lost a name
  std::vector<uint64_t> of_each;  // the same of each who is being erased
  std::map<uint64_t, Ledger> moved;  // by span
};

class Sieve {
 public:
  Sieve(const DataFile& file, Kind kind, const Erasing& erasing) : file_(file), kind_(kind), erasing_(erasing) {
    left.of_each.resize(erasing.count());
  }

  // Whether the record stays, without the names.
  bool keeps(const Position& position, const EventId& id, wire::Record& record) {
    if (!erasing_.names_one(record)) {
      left.sum.add(id);
      return true;
    }
    ++left.changed;
    Ledger& moved = moved_at(position.offset);
    if (erasing_.take_out(record, left.of_each) == wire::ErasedNames::Left::nothing) {
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
  const Erasing& erasing_;
};

template <class Rows>
Result<Left> with_content(Left left, Rows& rows) {
  if (left.changed == 0) return left;
  TRY_LET(left.content, rows.to_parquet());
  return left;
}

Result<Left> left_of_locations(const DataFile& file, Bytes content, const Erasing& erasing) {
  Sieve sieve(file, Kind::location, erasing);
  LocationRows rows;
  TRY(read_locations(content, [&](const Position& position, const Location& location) {
    if (!erasing.names_one(location)) {
      sieve.left.sum.add(event_id_of(location));
      return rows.add(position, location);
    }
    wire::Record record = location;
    if (sieve.keeps(position, event_id_of(location), record)) rows.add(position, std::get<Location>(record));
  }));
  return with_content(std::move(sieve.left), rows);
}

Result<Left> left_of_commands(const DataFile& file, Bytes content, const Erasing& erasing) {
  Sieve sieve(file, Kind::command, erasing);
  CommandRows rows;
  TRY(read_commands(content, [&](const Position& position, const OrderCommand& command) {
    wire::Record record = command;
    if (sieve.keeps(position, wire::event_id_of(record), record)) rows.add(position, std::get<OrderCommand>(record));
  }));
  return with_content(std::move(sieve.left), rows);
}

Result<Left> left_of_quarantine(const DataFile& file, Bytes content, const Erasing& erasing) {
  Sieve sieve(file, Kind::quarantined, erasing);
  QuarantineRows rows;
  TRY(read_quarantine(content, [&](const Position& position, const EventId& id, const wire::Quarantined& item) {
    wire::Record record = item;
    if (sieve.keeps(position, id, record)) rows.add(position, id, std::get<wire::Quarantined>(record));
  }));
  return with_content(std::move(sieve.left), rows);
}

// Without what its record says of who asked, and when.
Erasure record_of(const LakeErasure& stands) { return {.kind = stands.kind, .name = stands.name, .at = {}, .by = {}}; }

struct Of {
  BronzeTable table = BronzeTable::quarantine;
  Result<Left> left;
};

Of left_of(const DataFile& file, Bytes content, const Erasing& erasing) {
  if (file.table == table_name(BronzeTable::deliverer_location))
    return {.table = BronzeTable::deliverer_location, .left = left_of_locations(file, content, erasing)};
  if (file.table == table_name(BronzeTable::order_command))
    return {.table = BronzeTable::order_command, .left = left_of_commands(file, content, erasing)};
  return {.table = BronzeTable::quarantine, .left = left_of_quarantine(file, content, erasing)};
}

}  // namespace

Result<std::string> erase_from(Objects& objects, Catalog& catalog, uint64_t claim, const DataFile& file,
                               const Erasing& erasing) {
  TRY_LET(const std::string content, objects.get(file.key));
  if (crc32c(as_bytes(content)) != file.crc32c)
    return fail(Code::corrupt, file.key + ": is not what was written: its checksum differs");
  auto [table, read] = left_of(file, as_bytes(content), erasing);
  TRY_LET(Left left, std::move(read));
  if (left.changed == 0) return std::string();
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
                .remove = {file.key},
                .set = erasing.with(left.of_each)};
  for (auto& [span, moved] : left.moved) change.moved.push_back(moved);
  TRY(catalog.commit(std::move(change)));
  return one.key;
}

Erasing::Erasing(const Snapshot& lake, const wire::ErasedNames& known) : all_(known, {}) {
  std::map<Position, const std::string*> in_order;
  const auto erasures = erasures_of(lake);
  for (const auto& [property, stands] : erasures)
    if (const auto position = parse_position(std::string_view(property).substr(property_prefix.size()));
        position && !stands.done)
      in_order.emplace(*position, &property);
  for (const auto& [position, property] : in_order) {
    const LakeErasure& stands = erasures.at(*property);
    all_.add(record_of(stands));
    each_.emplace_back(*property, stands, known);
  }
}

Erasing::One::One(std::string its, const LakeErasure& erasure, const wire::ErasedNames& known)
    : property(std::move(its)), stands(erasure), name(known, std::array{record_of(erasure)}) {}

wire::ErasedNames::Left Erasing::take_out(wire::Record& record, std::vector<uint64_t>& rows) const {
  using Left = wire::ErasedNames::Left;
  Left all = Left::all;
  for (size_t i = 0; i < each_.size() && all != Left::nothing; ++i) {
    const Left left = each_[i].name.take_out(record);
    if (left == Left::all) continue;
    ++rows[i];
    all = left;
  }
  return all;
}

Erasing::Properties Erasing::with(const std::vector<uint64_t>& rows) const {
  Properties properties;
  for (size_t i = 0; i < each_.size(); ++i) {
    if (rows[i] == 0) continue;
    LakeErasure stands = each_[i].stands;
    ++stands.files;
    stands.rows += rows[i];
    properties.emplace(each_[i].property, to_text(stands));
  }
  return properties;
}

Erasing::Properties Erasing::done() const {
  Properties properties;
  for (const One& one : each_) {
    LakeErasure stands = one.stands;
    stands.done = true;
    properties.emplace(one.property, to_text(stands));
  }
  return properties;
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
