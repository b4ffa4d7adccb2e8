#include "wire/json_object.h"

#include <charconv>

#include "base/hash.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

constexpr std::string_view head = R"({"crc32c":")";
constexpr std::string_view before_name = R"(",")";
constexpr std::string_view behind_name = R"(":)";
constexpr std::string_view tail = "}\n";

std::string beginning(std::string_view name, uint32_t crc) {
  return std::string(head).append(to_hex(crc)).append(before_name).append(name).append(behind_name);
}

template <class Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

JsonObject::JsonObject(std::string_view text) : JsonObject(text, std::make_shared<bool>(true)) {}

JsonObject::JsonObject(std::string_view text, std::shared_ptr<bool> ok) : ok_(std::move(ok)) {
  text = json_trimmed(text);
  if (text.empty() || kind_of(text) != JsonKind::object) {
    *ok_ = false;
    return;
  }
  JsonWalk walk(text);
  std::string_view name;
  std::string_view value;
  while (walk.next_member(name, value)) members_.emplace_back(name.substr(1, name.size() - 2), value);
}

std::string_view JsonObject::value(std::string_view name) {
  for (const auto& [other, text] : members_)
    if (other == name) return text;
  *ok_ = false;
  return {};
}

std::string JsonObject::read_text(std::string_view literal) {
  std::string scratch;
  if (!literal.empty() && kind_of(literal) == JsonKind::string)
    if (const auto meant = json_string(literal, scratch)) return std::string(*meant);
  *ok_ = false;
  return {};
}

bool JsonObject::has(std::string_view name) const {
  for (const auto& [other, text] : members_)
    if (other == name) return true;
  return false;
}

uint64_t JsonObject::number(std::string_view name) {
  uint64_t number = 0;
  if (!parse(value(name), number)) *ok_ = false;
  return number;
}

int64_t JsonObject::integer(std::string_view name) {
  int64_t number = 0;
  if (!parse(value(name), number)) *ok_ = false;
  return number;
}

std::string JsonObject::text(std::string_view name) { return read_text(value(name)); }

JsonObject JsonObject::object(std::string_view name) { return {value(name), ok_}; }

std::vector<JsonObject> JsonObject::objects(std::string_view name) {
  std::vector<JsonObject> found;
  const std::string_view array = value(name);
  if (array.empty() || kind_of(array) != JsonKind::array) {
    *ok_ = false;
    return found;
  }
  JsonWalk walk(array);
  std::string_view element;
  while (walk.next_element(element)) found.push_back({element, ok_});
  return found;
}

std::vector<std::string> JsonObject::texts(std::string_view name) {
  std::vector<std::string> found;
  const std::string_view array = value(name);
  if (array.empty() || kind_of(array) != JsonKind::array) {
    *ok_ = false;
    return found;
  }
  JsonWalk walk(array);
  std::string_view element;
  while (walk.next_element(element)) found.push_back(read_text(element));
  return found;
}

std::vector<std::pair<std::string, std::string>> JsonObject::all_texts() {
  std::vector<std::pair<std::string, std::string>> found;
  found.reserve(members_.size());
  for (const auto& [name, literal] : members_)
    found.emplace_back(read_text('"' + std::string(name) + '"'), read_text(literal));
  return found;
}

std::string seal(std::string_view name, std::string_view inside) {
  return beginning(name, crc32c(as_bytes(inside))).append(inside).append(tail);
}

Result<std::string_view> unseal(std::string_view text, std::string_view name, std::string_view whose) {
  const size_t before = beginning(name, 0).size();
  if (text.size() >= before + tail.size() && text.ends_with(tail)) {
    const std::string_view inside = text.substr(before, text.size() - before - tail.size());
    if (text.starts_with(beginning(name, crc32c(as_bytes(inside)))) && JsonChecker().check(inside)) return inside;
  }
  return fail(Code::corrupt, std::string(whose) + ": damaged: not as it was written");
}

}  // namespace waybill::wire
