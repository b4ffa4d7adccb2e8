// app/pages.h — the pages that the binary serves, and all that they load: no other host is asked.
#pragma once

#include <vector>

#include "serve/api.h"

namespace waybill::app {

// With /openapi.json.
std::vector<serve::Page> pages();

}  // namespace waybill::app
