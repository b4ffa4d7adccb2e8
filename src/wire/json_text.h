// wire/json_text.h — JSON text, checked as a whole once and then walked as it stands, so that values stay as they were sent.
//
// Strict RFC 8259, numbers of any size and lone surrogates included: the grammar allows them, so only who needs the value
// may refuse it. A byte order mark is not JSON here; who reads bodies takes it off.
// Threads: a checker belongs to one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace waybill::wire {

inline constexpr size_t json_depth_max = 64;  // deeper: invalid

class JsonChecker {
 public:
  JsonChecker();
  ~JsonChecker();
  // Exactly one JSON value, white space around it; else invalid with the place and the reason.
  Result<void> check(std::string_view text);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

bool is_utf8(std::string_view text);
std::string made_utf8(std::string_view text);  // bytes that are not UTF-8 become U+FFFD
bool is_json_number(std::string_view text);
bool is_json_integer(std::string_view text);  // a whole number without fraction and exponent

// Everything below takes text that was checked; on other text it gives nonsense, but reads nothing outside it.

std::string_view json_trimmed(std::string_view text);  // without white space around it

enum class JsonKind { object, array, string, number, boolean, null };
JsonKind kind_of(std::string_view value);
bool is_of(std::string_view value, JsonKind kind);  // false of no text at all

// The value of the object's member of this name; empty where there is none, or the name is written with escapes.
std::string_view member_of(std::string_view object, std::string_view name);
// What a string means; empty where the value is none.
std::string text_of(std::string_view value);

// A place in checked text.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view container);  // an object or an array, from its bracket on
  // Among the elements of an array: what is left of its text, from an element, a comma or the closing bracket on.
  static JsonWalk among(std::string_view rest);

  // The next member of an object (the name with its quotes) or element of an array, as they stand; false at the end.
  bool next_member(std::string_view& name, std::string_view& value);
  bool next_element(std::string_view& value);
  std::string_view rest() const { return {at_, end_}; }

 private:
  JsonWalk(const char* at, const char* end) : at_(at), end_(end) {}
  void skip_space();
  std::string_view take_value();

  const char* at_;
  const char* end_;
};

// What a string means: a view of the text itself, or of `scratch` where it has escapes. Nothing where it has half of a
// surrogate pair.
std::optional<std::string_view> json_string(std::string_view literal, std::string& scratch);

// The members of an object whose values are texts, by name; others are left out.
std::vector<std::pair<std::string, std::string>> text_members(std::string_view object);

// The value without white space between its parts.
void append_compact(std::string& into, std::string_view value);

}  // namespace waybill::wire
