// wire/plain_location.h — a location that is written plainly, checked and read in one pass over its bytes.
//
// Plain: names and texts without escapes, numbers without exponents, no objects or arrays inside it, no field of ours twice,
// everything that is needed there and within its bounds. White space and any order of the fields are plain.
// Invariant: what it reads is JSON, and the same location that JsonChecker and read_location() make of it. Whatever it is not
//            sure of it leaves to them, and so it never says why.
#pragma once

#include <array>
#include <string_view>

#include "wire/item_in.h"

namespace waybill::wire {

// Of one body: its items have their fields in the same order, which is learnt from the first.
class PlainLocations {
 public:
  PlainLocations(const InputOptions& options, FieldReader& fields) : options_(options), fields_(fields) {
    for (size_t i = 0; i < follows_.size(); ++i) follows_[i] = static_cast<LocationField>((i + 1) % location_fields);
    follows_.back() = LocationField::order_id;
  }

  // How many bytes the object at the front of `text` takes; 0 where it is not plain, and then `into` holds nothing of use.
  // `into`: any location, whose memory is used again.
  size_t read(std::string_view text, size_t number, Location& into);

 private:
  const InputOptions& options_;
  FieldReader& fields_;
  std::array<LocationField, location_fields + 1> follows_;  // by field; the last: which comes first
};

}  // namespace waybill::wire
