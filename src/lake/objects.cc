#include "lake/objects.h"

#include <algorithm>

namespace waybill::lake {

Result<void> put_unnamed(Objects& objects, const std::string& key, Bytes content) {
  const Result<void> put = objects.put(key, content, IfThere::conflict);
  if (put || put.error().code != Code::conflict) return put;
  return objects.put(key, content, IfThere::replace);
}

bool is_key(std::string_view key) {
  if (key.empty() || key.size() > key_bytes_max) return false;
  size_t begin = 0;
  while (begin <= key.size()) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::string_view part = key.substr(begin, end - begin);
    if (part.empty() || part.size() > key_part_bytes_max || part == "." || part == "..") return false;
    begin = end + 1;
  }
  for (const char c : key)
    if (c <= ' ' || c > '~' || c == '\\') return false;
  return true;
}

Result<void> check_key(const std::string& key) {
  return is_key(key) ? Result<void>() : fail(Code::invalid, "'" + key + "' cannot name an object");
}

}  // namespace waybill::lake
