// app/qr_text.h — a QR code as lines of text, for a terminal of any colours.
//
// Failure: invalid where the text is more than a QR code holds.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill::app {

Result<std::string> qr_text(std::string_view text);

}  // namespace waybill::app
