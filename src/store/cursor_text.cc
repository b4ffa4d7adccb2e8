#include <array>
#include <charconv>

#include "store/reading.h"

namespace waybill::store {
namespace {

// Of the question and the place: a cursor that was changed, or that belongs to another question, does not fit.
uint32_t check_of(std::string_view question, std::string_view at) {
  return crc32c(as_bytes(at), crc32c(as_bytes(question)));
}

}  // namespace

std::string make_cursor(std::string_view question, std::string_view at) {
  std::string bytes;
  append_be32(bytes, check_of(question, at));
  bytes.append(at);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return text;
}

Result<std::string> take_cursor(std::string_view question, std::string_view cursor) {
  const auto refused = fail(Code::invalid, "cursor: it was not given as next_cursor of this query");
  if (cursor.size() % 2 != 0 || cursor.size() < 8) return refused;
  std::string bytes;
  for (size_t i = 0; i < cursor.size(); i += 2) {
    unsigned value = 0;
    const char* end = cursor.data() + i + 2;
    if (auto [next, error] = std::from_chars(cursor.data() + i, end, value, 16); error != std::errc() || next != end)
      return refused;
    bytes.push_back(static_cast<char>(value));
  }
  std::string at = bytes.substr(4);
  if (be32_of(bytes) != check_of(question, at)) return refused;
  return at;
}

}  // namespace waybill::store
