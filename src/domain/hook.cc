#include "domain/hook.h"

#include <algorithm>

namespace waybill {

bool is_hook_id(std::string_view text) {
  return !text.empty() && text.size() <= hook_id_bytes_max && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace waybill
