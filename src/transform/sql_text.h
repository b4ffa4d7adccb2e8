// transform/sql_text.h — texts and names as SQL writes them.
#pragma once

#include <string>
#include <string_view>

namespace waybill::transform {

inline std::string sql_quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char character : text) result.append(character == quote ? 2 : 1, character);
  return result + quote;
}
inline std::string sql_literal(std::string_view text) { return sql_quoted(text, '\''); }
inline std::string sql_identifier(std::string_view text) { return sql_quoted(text, '"'); }

}  // namespace waybill::transform
