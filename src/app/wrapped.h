// app/wrapped.h — a long sentence as lines of a terminal.
#pragma once

#include <string>
#include <vector>

namespace waybill::app {

// Cut at blanks where there are any. Bytes that are not printable ASCII become '?': what others wrote does not steer the terminal.
std::vector<std::string> wrapped(std::string text, size_t width);

}  // namespace waybill::app
