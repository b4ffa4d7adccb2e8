#include "ingest/accept.h"

#include <array>

namespace waybill::ingest {

Acceptor::Acceptor(journal::Journal& journal, Metrics& metrics)
    : journal_(journal),
      locations_(
          metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "location"}})),
      commands_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "order"}})),
      quarantined_(
          metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "quarantined"}})),
      grants_(metrics.counter("waybill_ingest_accepted_total", "records taken into custody", {{"kind", "grant"}})),
      rejected_(metrics.counter("waybill_ingest_rejected_total", "items answered other than 2xx, not kept")) {}

Result<journal::Appended> Acceptor::accept(std::span<const wire::Record> records) {
  journal::Records batch;
  constexpr size_t record_bytes_usual = 128;
  batch.bytes.reserve(records.size() * record_bytes_usual);
  batch.ends.reserve(records.size());
  std::array<uint64_t, std::variant_size_v<wire::Record>> counts{};
  for (const wire::Record& record : records) {
    wire::encode_record(record, batch.bytes);
    batch.ends.push_back(batch.bytes.size());
    ++counts[record.index()];
  }
  TRY_LET(const journal::Appended appended, journal_.append(batch));
  locations_.add(counts[0]);
  commands_.add(counts[1]);
  quarantined_.add(counts[2]);
  grants_.add(counts[3]);
  return appended;
}

}  // namespace waybill::ingest
