#include "lake/bronze_range.h"

#include "base/check.h"

namespace waybill::lake {
namespace {

// Threads that take requests stamp them a little out of order; that ends no range.
constexpr Duration disorder_max = std::chrono::minutes(1);

}  // namespace

bool BronzeRange::takes(const Position& position, Time received_at) const {
  if (empty()) return true;
  return position.epoch == from_.epoch && received_at >= hour_begin_ - disorder_max &&
         received_at < hour_begin_ + std::chrono::hours(1);
}

void BronzeRange::add(const Position& position, Time received_at, const wire::Record* decoded, Bytes bytes) {
  if (empty()) {
    from_ = position;
    to_ = position.offset;
    hour_begin_ = std::chrono::floor<std::chrono::hours>(received_at);
    hour_ = ingest_hour(received_at);
  }
  CHECK(position.offset == to_, "positions come in order");
  ++to_;
  bytes_ += bytes.size();
  if (decoded == nullptr) {
    const EventId id = wire::event_id_of_bytes(bytes);
    quarantine_.add(
        position, id,
        {.reason = "the record cannot be decoded", .raw = std::string(as_text(bytes)), .received_at = received_at});
    return book(Kind::quarantined, id, position.offset);
  }
  take(position, *decoded);
}

void BronzeRange::take(const Position& position, const wire::Record& record) {
  const EventId id = wire::event_id_of(record);
  if (const auto* remains = std::get_if<wire::Remains>(&record)) {
    const auto rest = wire::decode_record(waybill::as_bytes(remains->rest));
    if (!rest) return book(Kind::erased, remains->carry, position.offset);
    take(position, *rest);
    return carry(remains->carry);
  }
  if (erased_ && erased_->any() && erased_->names_one(record)) {
    wire::Record left = record;
    if (erased_->take_out(left) == wire::ErasedNames::Left::nothing) return book(Kind::erased, id, position.offset);
    take(position, left);
    EventId difference = id;
    difference -= wire::event_id_of(left);
    return carry(difference);
  }
  if (const auto* location = std::get_if<Location>(&record)) {
    locations_.add(position, *location);
    const auto day = std::chrono::floor<std::chrono::days>(location->fix_time);
    if (day != newest_day_) fix_days_.insert(newest_day_ = day);
    return book(Kind::location, id, position.offset);
  }
  if (const auto* command = std::get_if<OrderCommand>(&record)) {
    commands_.add(position, *command);
    return book(Kind::command, id, position.offset);
  }
  if (const auto* quarantined = std::get_if<wire::Quarantined>(&record)) {
    quarantine_.add(position, id, *quarantined);
    return book(Kind::quarantined, id, position.offset);
  }
  book(Kind::other, id, position.offset);
}

void BronzeRange::book(Kind kind, const EventId& id, uint64_t offset) {
  sums_[static_cast<size_t>(kind)].add(id);
  if (ledgers_.empty() || ledgers_.back().from / store::ledger_span != offset / store::ledger_span)
    ledgers_.push_back({.partition = from_.partition, .from = offset, .to = offset});
  ledgers_.back().to = offset + 1;
  ledgers_.back().by_kind[static_cast<size_t>(kind)].add(id);
}

void BronzeRange::carry(const EventId& difference) {
  ledgers_.back().by_kind[static_cast<size_t>(Kind::erased)].ids += difference;
}

Result<std::vector<BronzeRange::File>> BronzeRange::take_files(uint32_t generation) {
  std::vector<File> files;
  const auto take = [&](BronzeTable table, Kind kind, auto& rows, std::vector<std::string> dates) -> Result<void> {
    if (rows.size() == 0) return {};
    TRY_LET(std::string content, rows.to_parquet());
    const store::Sum& sum = sums_[static_cast<size_t>(kind)];
    files.push_back({.entry = {.key = bronze_key(table, hour_, from_, to_, generation),
                               .table = table_name(table),
                               .date = hour_.date,
                               .hour = hour_.hour,
                               .rows = sum.count,
                               .bytes = content.size(),
                               .crc32c = crc32c(as_bytes(content)),
                               .dates = std::move(dates),
                               .from = from_,
                               .to = to_,
                               .generation = generation,
                               .ids = sum.ids},
                     .content = std::move(content)});
    return {};
  };
  std::vector<std::string> fix_dates;
  for (const std::chrono::sys_days day : fix_days_) fix_dates.push_back(date_text(day));
  TRY(take(BronzeTable::deliverer_location, Kind::location, locations_, std::move(fix_dates)));
  TRY(take(BronzeTable::order_command, Kind::command, commands_, {hour_.date}));
  TRY(take(BronzeTable::quarantine, Kind::quarantined, quarantine_, {hour_.date}));
  return files;
}

}  // namespace waybill::lake
