// wire/object_in.h — a body that is one JSON object of a few fields, each known and given at most once.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string_view>

#include "wire/item_in.h"

namespace waybill::wire {

// Takes the value of the field at place `which` of the names; false: `fields` knows why not.
using TakeField = std::function<bool(size_t which, std::string_view value, FieldReader& fields)>;

// null is the same as absence, an empty body as an empty object.
std::expected<void, ItemFailure> read_object(std::string_view body, std::span<const std::string_view> names,
                                             const TakeField& take);

}  // namespace waybill::wire
