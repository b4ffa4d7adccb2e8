// wire/event_bytes.h — an event that waits for webhooks, to and from bytes (docs/FORMATS.md, Outbox).
//
// Failure: corrupt for bytes that are not exactly one event; nothing outside them is read.
#pragma once

#include <string>

#include "base/files.h"
#include "domain/event.h"

namespace waybill::wire {

// Without `offset` and `before`: its place in the outbox says the one, no webhook is told the other.
void encode_event(const Event& event, std::string& into);  // appends
Result<Event> decode_event(Bytes bytes);

}  // namespace waybill::wire
