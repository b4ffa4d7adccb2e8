// wire/time_text.h — moments to and from text: RFC 3339, ISO 8601 without zone, epoch numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/location.h"

namespace waybill::wire {

struct ParsedTime {
  Time time{};
  TimeForm form;
};

// "2024-01-15T09:00:00[.123456…][Z|±hh:mm|±hhmm|±hh]", a space for T, or a date alone (its midnight). Digits beyond the
// microsecond are cut. Years 1970 … 9999. Without a zone it is local time at `naive_offset` from UTC.
std::optional<ParsedTime> parse_time(std::string_view text, Duration naive_offset = {});

// Seconds since 1970, or milliseconds from 1e11 on, or microseconds from 1e14 on.
std::optional<ParsedTime> parse_epoch(double number);

// With Z, and as many digits as the form says (more where they would be lost).
std::string format_time(Time time, TimeForm form = {});
// As it was sent: without zone where it had none.
std::string format_time_as_sent(Time time, TimeForm form, Duration naive_offset = {});

}  // namespace waybill::wire
