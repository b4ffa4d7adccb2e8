// Any bytes as an event: never a read outside them, and what decodes is written as the same bytes are read again.
#include <cstdlib>

#include "wire/event_bytes.h"
#include "wire/event_out.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace waybill;
  const Result<Event> event = wire::decode_event(std::as_bytes(std::span(data, size)));
  if (!event) return 0;
  std::string once, twice;
  wire::encode_event(*event, once);
  const Result<Event> back = wire::decode_event(as_bytes(once));
  if (!back) std::abort();
  wire::encode_event(*back, twice);
  if (once != twice) std::abort();
  wire::JsonWriter writer;
  wire::write_event(writer, *event, "1-0-0", event->received_at);
  return 0;
}
