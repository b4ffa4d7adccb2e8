// base/base64.h — bytes as base64 (RFC 4648), with padding.
#pragma once

#include <string>
#include <string_view>

namespace waybill {

std::string base64(std::string_view bytes);

}  // namespace waybill
