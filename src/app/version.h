// app/version.h — which waybill this is.
#pragma once

#include <string>
#include <string_view>

namespace waybill::app {

std::string_view version();      // "0.1.0"
std::string build_kind();         // "Release", "Debug, sanitizers address,undefined"
std::string version_report();    // with the formats that it reads and writes, several lines

}  // namespace waybill::app
