#include "transform/source_types.h"

#include <algorithm>
#include <vector>

#include "transform/sql_text.h"

namespace waybill::transform {
namespace {

constexpr std::string_view whole_number = "-?(0|[1-9][0-9]*)";
constexpr std::string_view number = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?";
// A whole number of more digits than a double holds is not made one.
constexpr std::string_view double_number =
    "-?(0|[1-9][0-9]*)([.][0-9]+([eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)|-?(0|[1-9][0-9]{0,14})";
constexpr std::string_view date = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
constexpr std::string_view time =
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?";

constexpr std::array<std::string_view, 10> whole_types = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
                                                          "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"};

bool is_whole(std::string_view type) { return std::ranges::find(whole_types, type) != whole_types.end(); }
bool is_fraction(std::string_view type) { return type == "DOUBLE" || type == "FLOAT" || type.starts_with("DECIMAL"); }

std::string looks(const ValueSql& value, std::string_view pattern) {
  return "regexp_full_match(" + value.text + ", " + sql_literal(pattern) + ")";
}
std::string casts(const ValueSql& value, std::string_view type) {
  return "TRY_CAST(" + value.text + " AS " + std::string(type) + ")";
}
std::string both(const std::string& one, const std::string& other) {
  return one.empty() ? other : "(" + one + " AND " + other + ")";
}

// What its JSON kind must be; empty: it is not of JSON, or any.
std::string kind_sql(std::string_view type, const ValueSql& value) {
  if (value.kind.empty() || type == "JSON") return "";
  if (type == "BOOLEAN") return value.kind + " = 'BOOLEAN'";
  if (is_whole(type)) return value.kind + " IN ('UBIGINT', 'BIGINT')";
  if (is_fraction(type)) return value.kind + " IN ('UBIGINT', 'BIGINT', 'DOUBLE')";
  return value.kind + " = 'VARCHAR'";
}

std::string text_sql(std::string_view type, const ValueSql& value) {
  if (type == "VARCHAR") return "true";
  if (type == "JSON") return value.kind.empty() ? "json_valid(" + value.text + ")" : "true";
  if (type == "BOOLEAN") return "lower(" + value.text + ") IN ('true', 'false')";
  if (is_whole(type)) return both(looks(value, whole_number), casts(value, type) + " IS NOT NULL");
  if (type.starts_with("DECIMAL")) return both(looks(value, number), casts(value, type) + " IS NOT NULL");
  if (is_fraction(type)) return both(looks(value, double_number), "isfinite(" + casts(value, type) + ")");
  if (type == "DATE") return both(looks(value, date), casts(value, type) + " IS NOT NULL");
  if (type == "TIMESTAMP") return both(looks(value, time), casts(value, "TIMESTAMPTZ") + " IS NOT NULL");
  return "false";  // a type that only files with types of their own have
}

}  // namespace

std::string fits_sql(std::string_view type, const ValueSql& value) {
  return "coalesce(" + both(kind_sql(type, value), text_sql(type, value)) + ", false)";
}

std::string typed_sql(std::string_view type, const ValueSql& value) {
  if (type == "JSON" && !value.json.empty()) return "nullif(CAST(" + value.json + " AS VARCHAR), 'null')";
  if (type == "VARCHAR" || type == "JSON") return value.text;
  // A cast to TIMESTAMP passes over the zone.
  if (type == "TIMESTAMP") return "make_timestamp(epoch_us(" + casts(value, "TIMESTAMPTZ") + "))";
  return casts(value, type);
}

}  // namespace waybill::transform
