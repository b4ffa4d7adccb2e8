// Any bytes as what goes over a line, as they are and with the checksum that they want: what decodes is encoded to what decodes alike.
#include <cstdlib>

#include "base/hash.h"
#include "ingest/parcel.h"

namespace {

using namespace waybill;

void look_at(Bytes bytes) {
  if (const auto parcel = ingest::decode_parcel(bytes)) {
    const auto again = ingest::decode_parcel(as_bytes(ingest::encode(*parcel)));
    if (!again || again->first != parcel->first || again->records.bytes != parcel->records.bytes ||
        again->records.ends != parcel->records.ends)
      std::abort();
  }
  if (const auto receipt = ingest::decode_receipt(bytes)) {
    const auto again = ingest::decode_receipt(as_bytes(ingest::encode(*receipt)));
    if (!again || *again != *receipt) std::abort();
  }
  if (const auto opening = ingest::decode_opening(bytes)) {
    const auto again = ingest::decode_opening(as_bytes(ingest::encode(*opening)));
    if (!again || *again != *opening) std::abort();
  }
  if (const auto offer = ingest::decode_offer(bytes)) {
    const auto again = ingest::decode_offer(as_bytes(ingest::encode(*offer)));
    if (!again || again->door != offer->door || again->number != offer->number ||
        again->records.bytes != offer->records.bytes || again->records.ends != offer->records.ends)
      std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes = std::as_bytes(std::span(data, size));
  look_at(bytes);
  std::string sealed(as_text(bytes));
  uint32_t sum = crc32c(bytes);
  for (int i = 0; i < 4; ++i, sum >>= 8U) sealed += static_cast<char>(sum & 0xFFU);
  look_at(as_bytes(sealed));
  return 0;
}
