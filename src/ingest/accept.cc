#include "ingest/accept.h"

namespace waybill::ingest {

Acceptor::Acceptor(journal::Journal& journal, Metrics& metrics, const wire::ErasedNames* erased)
    : journal_(journal),
      erased_(erased),
      locations_(
          metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "location"}})),
      commands_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "order"}})),
      quarantined_(
          metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "quarantined"}})),
      grants_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "grant"}})),
      hooks_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "hook"}})),
      erasures_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "erasure"}})),
      remains_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "erased"}})),
      rejected_(metrics.counter("waybill_ingest_rejected_total", "items answered other than 2xx, not kept")) {}

void Batch::add(const Location& location) {
  constexpr size_t kind_of_location = 0;
  static_assert(std::is_same_v<std::variant_alternative_t<kind_of_location, wire::Record>, Location>);
  if (erased_ && erased_->any() && erased_->names_one(location)) return put(wire::Remains{});
  wire::encode_record(location, records_.bytes);
  records_.ends.push_back(records_.bytes.size());
  ++counts_[kind_of_location];
}

void Batch::add(const wire::Record& record) {
  if (!erased_ || !erased_->any() || !erased_->names_one(record)) return put(record);
  wire::Record left = record;
  put(erased_->take_out(left) == wire::ErasedNames::Left::nothing ? wire::Remains{} : left);
}

void Batch::put(const wire::Record& record) {
  wire::encode_record(record, records_.bytes);
  records_.ends.push_back(records_.bytes.size());
  ++counts_[record.index()];
}

void Batch::clear() {
  if (records_.bytes.capacity() + records_.ends.capacity() * sizeof(size_t) > kept_bytes_max) records_ = {};
  records_.clear();
  counts_ = {};
}

Result<journal::Appended> Acceptor::accept(std::span<const wire::Record> records) {
  Batch batch(erased_);
  for (const wire::Record& record : records) batch.add(record);
  return accept(batch);
}

// Who is erased while a batch is made is not in it either: whoever takes them out of the journal begins behind it then.
Result<journal::Appended> Acceptor::accept(const Batch& batch) {
  if (!erased_ || line_) return append(batch);
  return erased_->while_known([&]() -> Result<journal::Appended> {
    if (batch.generation_ == erased_->generation()) return append(batch);
    Batch again(erased_);
    for (size_t i = 0; i < batch.records_.size(); ++i) {
      TRY_LET(const wire::Record record, wire::decode_record(batch.records_[i]));
      again.add(record);
    }
    return append(again);
  });
}

Result<journal::Appended> Acceptor::append(const Batch& batch) {
  if (!closed_because_.empty()) return fail(Code::unavailable, closed_because_);
  TRY_LET(const journal::Appended appended, line_ ? line_(batch.records_) : journal_.append(batch.records_));
  locations_.add(batch.counts_[0]);
  commands_.add(batch.counts_[1]);
  quarantined_.add(batch.counts_[2]);
  grants_.add(batch.counts_[3]);
  hooks_.add(batch.counts_[4]);
  erasures_.add(batch.counts_[5]);
  remains_.add(batch.counts_[6]);
  return appended;
}

}  // namespace waybill::ingest
