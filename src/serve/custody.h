// serve/custody.h — takes a record that says something of the system itself: what is answered holds at once, at every door.
#pragma once

#include <optional>

#include "serve/api.h"

namespace waybill::serve {

// Durable and visible before it returns; else the reply that says why not.
std::optional<Reply> keep_record(const ApiParts& parts, const wire::Record& record);

}  // namespace waybill::serve
