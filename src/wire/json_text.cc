#include "wire/json_text.h"

#include <simdjson.h>

#define RAPIDJSON_ASSERT(condition) static_cast<void>(0)
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <vector>

namespace waybill::wire {
namespace {

constexpr size_t kept_bytes_max = 1 << 20;  // buffers for larger texts are given back at once
constexpr std::string_view space = " \t\n\r";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four digits behind \u; -1 where they are not.
int32_t code_unit(std::string_view digits) {
  if (digits.size() < 4) return -1;
  int32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    const int digit = hex_value(digits[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::unexpected<Error> refused_at(size_t at, const std::string& why) {
  return fail(Code::invalid, "JSON: at byte " + std::to_string(at) + ": " + why);
}

// The grammar allows halves of surrogate pairs and numbers of any size, no reader takes them: a text of the same length
// with blanks and zeros for them. So the reader behind it sees no other number than 0.
Result<std::string> without_extremes(std::string_view text) {
  constexpr std::string_view number_characters = "+-.0123456789eE";
  std::string masked(text);
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      in_string = !in_string;
    } else if (in_string && text[i] == '\\') {
      ++i;
      const int32_t unit = i < text.size() && text[i] == 'u' ? code_unit(text.substr(i + 1)) : -1;
      if (unit >= 0xd800 && unit <= 0xdfff) masked.replace(i + 1, 4, "0020");
    } else if (!in_string && (text[i] == '-' || is_digit(text[i]))) {
      const size_t end = std::min(text.find_first_not_of(number_characters, i), text.size());
      if (!is_json_number(text.substr(i, end - i))) return refused_at(i, "this is not a number");
      masked.replace(i, end - i, "0" + std::string(end - i - 1, ' '));
      i = end - 1;
    }
  }
  return masked;
}

// Only the depth is looked at; 0 while it is not too deep.
struct DepthHandler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthHandler> {
  size_t depth = 0;
  bool deeper() { return ++depth <= json_depth_max; }
  bool StartObject() { return deeper(); }
  bool StartArray() { return deeper(); }
  bool EndObject(rapidjson::SizeType) { return --depth, true; }
  bool EndArray(rapidjson::SizeType) { return --depth, true; }
};

// Slower, but takes what is only too large or half a surrogate, and says where and why it refuses.
Result<void> check_by_grammar(std::string_view text) {
  constexpr unsigned flags = rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;
  TRY_LET(const std::string masked, without_extremes(text));
  rapidjson::MemoryStream stream(masked.data(), masked.size());
  rapidjson::Reader reader;
  DepthHandler handler;
  const rapidjson::ParseResult result = reader.Parse<flags>(stream, handler);
  if (handler.depth > json_depth_max)
    return fail(Code::invalid, "JSON: nested deeper than " + std::to_string(json_depth_max));
  if (!result) return refused_at(result.Offset(), rapidjson::GetParseError_En(result.Code()));
  // The reader takes a zero byte for the end.
  if (text.find('\0') != std::string_view::npos) return refused_at(text.find('\0'), "a zero byte");
  return {};
}

void append_utf8(std::string& into, uint32_t code) {
  if (code < 0x80) {
    into += static_cast<char>(code);
  } else if (code < 0x800) {
    into += static_cast<char>(0xc0 | code >> 6);
    into += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    into += static_cast<char>(0xe0 | code >> 12);
    into += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    into += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    into += static_cast<char>(0xf0 | code >> 18);
    into += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    into += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    into += static_cast<char>(0x80 | (code & 0x3f));
  }
}

char escaped(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}

// Appends what the escape at the front of `rest` (behind "\u") means; how many bytes it took, 0 for half a pair.
size_t append_unicode(std::string& into, std::string_view rest) {
  const int32_t first = code_unit(rest);
  if (first < 0 || (first >= 0xdc00 && first <= 0xdfff)) return 0;
  if (first < 0xd800 || first > 0xdfff) {
    append_utf8(into, static_cast<uint32_t>(first));
    return 4;
  }
  if (rest.size() < 10 || rest[4] != '\\' || rest[5] != 'u') return 0;
  const int32_t second = code_unit(rest.substr(6));
  if (second < 0xdc00 || second > 0xdfff) return 0;
  append_utf8(into, 0x10000 + (static_cast<uint32_t>(first - 0xd800) << 10) + static_cast<uint32_t>(second - 0xdc00));
  return 10;
}

// Behind the closing quote of the string that begins at `at`.
const char* string_end(const char* at, const char* end) {
  for (++at; at < end && *at != '"'; ++at)
    if (*at == '\\') ++at;
  return at < end ? at + 1 : end;
}

const char* container_end(const char* at, const char* end) {
  size_t depth = 0;
  while (at < end) {
    const char c = *at;
    if (c == '"') {
      at = string_end(at, end);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return end;
}

const char* value_end(const char* at, const char* end) {
  if (at == end) return end;
  if (*at == '"') return string_end(at, end);
  if (*at == '{' || *at == '[') return container_end(at, end);
  while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_space(*at)) ++at;
  return at;
}

// The bytes of the UTF-8 character at the front; 0 where there is none.
size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return bytes <= text.size() && is_utf8(text.substr(0, bytes)) ? bytes : 0;
}

}  // namespace

struct JsonChecker::Buffers {
  simdjson::dom::parser parser;
  std::vector<char> padded;
};

JsonChecker::JsonChecker() : buffers_(std::make_unique<Buffers>()) {}
JsonChecker::~JsonChecker() = default;

Result<void> JsonChecker::check(std::string_view text) {
  if (text.size() > simdjson::SIMDJSON_MAXSIZE_BYTES) return fail(Code::invalid, "JSON: larger than 4 GiB");
  std::vector<char>& padded = buffers_->padded;
  if (padded.size() < text.size() + simdjson::SIMDJSON_PADDING) padded.resize(text.size() + simdjson::SIMDJSON_PADDING);
  std::copy(text.begin(), text.end(), padded.begin());
  simdjson::dom::parser& parser = buffers_->parser;
  simdjson::error_code error = simdjson::SUCCESS;
  if (parser.capacity() < text.size() || parser.max_depth() != json_depth_max)
    error = parser.allocate(std::max<size_t>(text.size(), 4096), json_depth_max);
  if (!error) error = parser.parse(padded.data(), text.size(), false).error();
  if (text.size() > kept_bytes_max) {
    parser = simdjson::dom::parser();
    padded = std::vector<char>();
  }
  if (!error) return {};
  return check_by_grammar(text);
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

std::string made_utf8(std::string_view text) {
  std::string made;
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    if (bytes == 0)
      made += "\xef\xbf\xbd";
    else
      made.append(text.substr(0, bytes));
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return made;
}

bool is_json_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  for (const char c : text)
    if (!is_digit(c)) return false;
  return true;
}

bool is_json_number(std::string_view text) {
  const auto skip_digits = [&] {
    const size_t before = text.size();
    while (!text.empty() && is_digit(text.front())) text.remove_prefix(1);
    return text.size() < before;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.size() > 1 && text[0] == '0' && is_digit(text[1])) return false;
  if (!skip_digits()) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!skip_digits()) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!skip_digits()) return false;
  }
  return text.empty();
}

std::string_view json_trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

JsonKind kind_of(std::string_view value) {
  switch (value.empty() ? 'n' : value.front()) {
    case '{': return JsonKind::object;
    case '[': return JsonKind::array;
    case '"': return JsonKind::string;
    case 't':
    case 'f': return JsonKind::boolean;
    case 'n': return JsonKind::null;
    default: return JsonKind::number;
  }
}

JsonWalk::JsonWalk(std::string_view container) : at_(container.data()), end_(container.data() + container.size()) {
  if (at_ < end_) ++at_;
}

JsonWalk JsonWalk::among(std::string_view rest) { return {rest.data(), rest.data() + rest.size()}; }

void JsonWalk::skip_space() {
  while (at_ < end_ && (is_space(*at_) || *at_ == ',' || *at_ == ':')) ++at_;
}

std::string_view JsonWalk::take_value() {
  const char* begin = at_;
  at_ = value_end(at_, end_);
  return {begin, at_};
}

bool JsonWalk::next_member(std::string_view& name, std::string_view& value) {
  skip_space();
  if (at_ == end_ || *at_ != '"') return false;
  name = take_value();
  skip_space();
  value = take_value();
  return !value.empty();
}

bool JsonWalk::next_element(std::string_view& value) {
  skip_space();
  if (at_ == end_ || *at_ == ']') return false;
  value = take_value();
  return !value.empty();
}

std::optional<std::string_view> json_string(std::string_view literal, std::string& scratch) {
  if (literal.size() < 2) return std::string_view();
  std::string_view rest = literal.substr(1, literal.size() - 2);
  size_t escape = rest.find('\\');
  if (escape == std::string_view::npos) return rest;
  scratch.clear();
  while (escape != std::string_view::npos && escape + 1 < rest.size()) {
    scratch.append(rest.substr(0, escape));
    const char kind = rest[escape + 1];
    rest.remove_prefix(escape + 2);
    if (kind == 'u') {
      const size_t taken = append_unicode(scratch, rest);
      if (taken == 0) return std::nullopt;
      rest.remove_prefix(taken);
    } else {
      scratch += escaped(kind);
    }
    escape = rest.find('\\');
  }
  scratch.append(rest);
  return scratch;
}

bool is_of(std::string_view value, JsonKind kind) { return !value.empty() && kind_of(value) == kind; }

std::string_view member_of(std::string_view object, std::string_view name) {
  JsonWalk walk(object);
  for (std::string_view literal, value; walk.next_member(literal, value);)
    if (literal.substr(1, literal.size() - 2) == name) return value;
  return {};
}

std::string text_of(std::string_view value) {
  std::string scratch;
  if (!is_of(value, JsonKind::string)) return {};
  return std::string(json_string(value, scratch).value_or(std::string_view()));
}

std::vector<std::pair<std::string, std::string>> text_members(std::string_view object) {
  std::vector<std::pair<std::string, std::string>> members;
  JsonWalk walk(object);
  std::string_view literal, value;
  std::string name_scratch, value_scratch;
  while (walk.next_member(literal, value)) {
    if (kind_of(value) != JsonKind::string) continue;
    const auto name = json_string(literal, name_scratch);
    const auto text = json_string(value, value_scratch);
    if (name && text) members.emplace_back(*name, *text);
  }
  return members;
}

void append_compact(std::string& into, std::string_view value) {
  if (value.find_first_of(space) == std::string_view::npos) {
    into.append(value);
    return;
  }
  const char* at = value.data();
  const char* const end = at + value.size();
  while (at < end) {
    if (*at == '"') {
      const char* const behind = string_end(at, end);
      into.append(at, behind);
      at = behind;
      continue;
    }
    if (!is_space(*at)) into += *at;
    ++at;
  }
}

}  // namespace waybill::wire
