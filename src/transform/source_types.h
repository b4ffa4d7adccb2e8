// transform/source_types.h — which type a column of another source has: from its values once, and whether a value keeps to it.
//
// A value is a text of a field (of CSV, of a database), or a JSON value with its kind. Nothing is rounded, trimmed or filled up to make it
// fit: 007, 1,5 and 29/11/2026 are texts. A time without a zone is UTC.
// Threads: pure functions; what they give is SQL of expressions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace waybill::transform {

// The narrowest first: a column gets the first that all of its values fit.
inline constexpr std::array<std::string_view, 7> inferred_types = {"BOOLEAN",   "BIGINT",  "DOUBLE", "DATE",
                                                                   "TIMESTAMP", "VARCHAR", "JSON"};

// A value in SQL: its text, and where it is of JSON its kind and the JSON text itself.
struct ValueSql {
  std::string text;
  std::string kind{};  // as json_type() says it; empty: it is not of JSON
  std::string json{};
};

std::string fits_sql(std::string_view type, const ValueSql& value);  // true where a value that is there is of the type
std::string typed_sql(std::string_view type, const ValueSql& value);  // of a value that fits

}  // namespace waybill::transform
