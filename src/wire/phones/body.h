// wire/phones/body.h — a body of a phone's JSON, object by object, into a sink.
//
// Threads: pure functions.
#pragma once

#include <functional>
#include <string_view>

#include "wire/json_text.h"
#include "wire/phones/fix.h"

namespace waybill::wire {

struct PhoneParser::Buffers {
  const Passphrases* passphrases;
  JsonChecker checker;
};

// The body's one value, checked, without what stands around it. Nothing where it is empty, or no JSON: the sink has that.
std::optional<std::string_view> checked_body(std::string_view body, JsonChecker& checker, PhoneSink& sink);

// Each object of an array, or the one that there is; what is none goes to the sink as a failure.
Result<void> each_object(std::string_view value, PhoneSink& sink, const std::function<void(std::string_view)>& take);

// The fix as a location, or why it is none; `raw` is what it was read from. `read`: whether its members could be.
void hand_over(FixReader& fix, bool read, std::string_view raw, PhoneSink& sink);

void hand_failure(std::string_view field, std::string reason, std::string_view raw, PhoneSink& sink);

}  // namespace waybill::wire
