// wire/phones/transistor.h — an object of Transistor's background geolocation, which Traccar Client 9 is made with too.
//
// Failure: as PhoneParser's.
#pragma once

#include <string_view>

#include "wire/phones/phone_in.h"

namespace waybill::wire {

// {"location": {…} or […], …}, where what stands beside the locations holds for each; or a location itself.
Result<void> read_transistor(std::string_view object, const PhoneSender& sender, const InputOptions& options,
                             PhoneSink& sink);

}  // namespace waybill::wire
