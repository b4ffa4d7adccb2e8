// Any bytes as a journal record: never a read outside them, and what decodes can be written and read again.
#include <cstdlib>

#include "wire/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waybill;
  const Bytes bytes = std::as_bytes(std::span(data, size));
  wire::event_id_of_bytes(bytes);
  const Result<wire::Record> record = wire::decode_record(bytes);
  if (!record) return 0;
  std::string again;
  wire::encode_record(*record, again);
  const Result<wire::Record> back = wire::decode_record(as_bytes(again));
  if (!back || *back != *record) std::abort();
  wire::event_id_of(*record);
  return 0;
}
