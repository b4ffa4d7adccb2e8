// Who was erased: by records of the journal, kept for good.
#include <algorithm>

#include "store/intake.h"
#include "store/reading.h"

namespace waybill::store {

void Intake::take_erasure(uint64_t offset, const Erasure& erasure) {
  const wire::Record record = erasure;
  row_.clear();
  wire::encode_record(record, row_);
  batch_->put(Table::erasure, erasure_key(erasure, offset), row_);
  count(offset, Outcome::stored, wire::event_id_of(record));
  // Read from the journal it is durable: it holds whether this batch is written or put again.
  if (erased_) erased_->add(erasure);
}

Result<void> Intake::take_remains(uint64_t offset, const wire::Remains& remains) {
  if (remains.rest.empty()) {
    count(offset, Outcome::erased, remains.carry);
    return {};
  }
  TRY_LET(wire::Record rest, wire::decode_record(as_bytes(remains.rest)));
  TRY(take({.offset = offset, .record = std::move(rest), .undecoded = {}}));
  ledger_.of(Outcome::erased).ids += remains.carry;
  return {};
}

Result<void> Intake::take_without_names(const Entry& entry) {
  const EventId id = wire::event_id_of(*entry.record);
  note_received(wire::received_at_of(*entry.record));
  wire::Record left = *entry.record;
  if (erased_->take_out(left) == wire::ErasedNames::Left::nothing) {
    count(entry.offset, Outcome::erased, id);
    return {};
  }
  EventId difference = id;
  difference -= wire::event_id_of(left);
  TRY(take({.offset = entry.offset, .record = std::move(left), .undecoded = {}}));
  ledger_.of(Outcome::erased).ids += difference;
  return {};
}

Result<void> Intake::write_swept(Batch& batch, const Rebooked& rebooked) {
  Ledger open = committed_;
  const auto add = [](Ledger& ledger, const Rebooked::mapped_type& sums) {
    for (size_t i = 0; i < outcome_count; ++i) ledger.by_outcome[i] += sums[i];
  };
  for (const auto& [span, sums] : rebooked) {
    if (committed_.to != 0 && committed_.from / ledger_span == span) {
      add(open, sums);
      batch.put(Table::ledger, number_key(span), encode_ledger(open));
      continue;
    }
    TRY_LET(const bool known, tables_.get(Table::ledger, number_key(span), bytes_));
    if (!known)
      return fail(Code::corrupt, "the store has rows of positions from " + std::to_string(span * ledger_span) +
                                     " on and no books of them");
    TRY_LET(Ledger ledger, decode_ledger(bytes_));
    add(ledger, sums);
    batch.put(Table::ledger, number_key(span), encode_ledger(ledger));
  }
  const Result<void> written = tables_.write(batch);
  if (written) committed_ = open;
  forget();  // the cached rows may be of those that changed
  return written;
}

Result<std::vector<ErasureRow>> read_erasures(const View& view) {
  std::vector<ErasureRow> all;
  const auto rows = view.cursor(Table::erasure, {});
  for (rows->seek({}); rows->valid(); rows->next()) {
    TRY_LET(wire::Record record, wire::decode_record(as_bytes(rows->value())));
    auto* erasure = std::get_if<Erasure>(&record);
    if (erasure == nullptr || rows->key().size() < sizeof(uint64_t))
      return fail(Code::corrupt, "store: the bytes of a row are not an erasure");
    all.push_back(
        {.offset = be64_of(rows->key().substr(rows->key().size() - sizeof(uint64_t))), .erasure = std::move(*erasure)});
  }
  TRY(rows->status());
  std::ranges::sort(all, {}, &ErasureRow::offset);
  return all;
}

}  // namespace waybill::store
