#include "base/result.h"

namespace waybill {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::invalid: return "invalid";
    case Code::denied: return "denied";
    case Code::not_found: return "not_found";
    case Code::conflict: return "conflict";
    case Code::overloaded: return "overloaded";
    case Code::unavailable: return "unavailable";
    case Code::corrupt: return "corrupt";
  }
  return "unknown";
}

}  // namespace waybill
