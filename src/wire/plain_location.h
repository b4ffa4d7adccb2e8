// wire/plain_location.h — a location that is written plainly, checked and read in one pass over its bytes.
//
// Plain: names and texts without escapes, numbers without exponents, no objects or arrays inside it, no field of ours twice,
// everything that is needed there and within its bounds. White space and any order of the fields are plain.
// Invariant: what it reads is JSON, and the same location that JsonChecker and read_location() make of it. Whatever it is not
//            sure of it leaves to them, and so it never says why.
#pragma once

#include <string_view>

#include "wire/item_in.h"

namespace waybill::wire {

// How many bytes the object at the front of `text` takes; 0 where it is not plain, and then `into` holds nothing of use.
// `into`: any location, whose memory is used again.
size_t read_plain_location(std::string_view text, const InputOptions& options, size_t number, FieldReader& fields,
                           Location& into);

}  // namespace waybill::wire
