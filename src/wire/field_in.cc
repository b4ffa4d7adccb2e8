#include <charconv>
#include <cmath>

#include "wire/item_in.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

constexpr std::string_view id_expected =
    "expected a text of 1 to 128 bytes without control characters, or a whole number";
static_assert(id_bytes_max == 128);

bool has_control(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  return false;
}

bool fits_id(std::string_view text) { return !text.empty() && text.size() <= id_bytes_max && !has_control(text); }

template <class Number>
std::optional<Number> parsed(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string plain(double value) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, value);
  return {text, written.ptr};
}

std::string number_expected(double low, double high) {
  if (std::isinf(low)) return "expected a number";
  if (std::isinf(high)) return "expected a number, " + plain(low) + " or more";
  return "expected a number from " + plain(low) + " to " + plain(high);
}

}  // namespace

bool FieldReader::refuse(std::string_view field, std::string reason) {
  failure_.field = field.substr(0, field_bytes_max);
  failure_.reason = std::move(reason);
  return false;
}

bool FieldReader::missing(std::string_view field) {
  failure_.missing = true;
  return refuse(field, "is required");
}

bool FieldReader::deny(std::string_view field, std::string reason) {
  failure_.denied = true;
  return refuse(field, std::move(reason));
}

bool FieldReader::id(std::string_view field, std::string_view value, std::string& text, bool& integer) {
  const JsonKind kind = kind_of(value);
  if (kind == JsonKind::string) {
    const std::optional<std::string_view> meant = json_string(value, scratch_);
    if (!meant || !fits_id(*meant)) return refuse(field, std::string(id_expected));
    text = *meant;
    integer = false;
    return true;
  }
  if (kind != JsonKind::number || !is_json_integer(value)) return refuse(field, std::string(id_expected));
  if (!parsed<int64_t>(value) && !parsed<uint64_t>(value))
    return refuse(field, "number out of range: whole numbers have 64 bits, longer ones are sent as text");
  text = value == "-0" ? "0" : value;
  integer = true;
  return true;
}

bool FieldReader::number(std::string_view field, std::string_view value, double low, double high, double& into) {
  const JsonKind kind = kind_of(value);
  if (kind == JsonKind::string && numbers_ == NumberForm::text_too) {
    value = json_string(value, scratch_).value_or(std::string_view());
    if (!is_json_number(value)) return refuse(field, number_expected(low, high));
  } else if (kind != JsonKind::number) {
    return refuse(field, number_expected(low, high));
  }
  const std::optional<double> number = parsed<double>(value);
  if (!number) return refuse(field, "number out of range of a double");
  if (!(*number >= low && *number <= high)) return refuse(field, number_expected(low, high));
  into = *number + 0.0;  // -0 is 0, so that both have one identity
  return true;
}

bool FieldReader::integer(std::string_view field, std::string_view value, int64_t& into) {
  const std::optional<int64_t> number = kind_of(value) == JsonKind::number ? parsed<int64_t>(value) : std::nullopt;
  if (!number) return refuse(field, "expected a whole number of 64 bits");
  into = *number;
  return true;
}

bool FieldReader::time(std::string_view field, std::string_view value, ParsedTime& into) {
  std::optional<ParsedTime> time;
  if (kind_of(value) == JsonKind::string) {
    if (const auto meant = json_string(value, scratch_)) time = time_of(*meant);
  } else if (kind_of(value) == JsonKind::number) {
    if (const auto number = parsed<double>(value)) time = parse_epoch(*number);
  }
  if (!time) return refuse(field, "expected a time of 1970 to 9999 such as 2024-01-15T09:00:00Z, or an epoch number");
  into = *time;
  return true;
}

bool FieldReader::time(std::string_view field, std::string_view value, std::optional<Time>& into) {
  ParsedTime parsed_time;
  if (!time(field, value, parsed_time)) return false;
  into = parsed_time.time;
  return true;
}

bool FieldReader::text(std::string_view field, std::string_view value, std::string& into) {
  const auto meant = kind_of(value) == JsonKind::string ? json_string(value, scratch_) : std::nullopt;
  if (!meant || meant->size() > text_bytes_max)
    return refuse(field, "expected a text of at most " + std::to_string(text_bytes_max) + " bytes");
  into = *meant;
  return true;
}

bool FieldReader::state(std::string_view field, std::string_view value, DeliveryState& into) {
  const auto meant = kind_of(value) == JsonKind::string ? json_string(value, scratch_) : std::nullopt;
  const std::optional<DeliveryState> state = parse_delivery_state(meant.value_or(std::string_view()));
  if (!state) return refuse(field, "expected start, on_the_way or arrived");
  into = *state;
  return true;
}

std::optional<std::string_view> FieldReader::name(std::string_view literal) { return json_string(literal, scratch_); }

bool FieldReader::attribute(std::string_view literal, std::string_view value, std::string& attributes) {
  if (attributes.empty()) {
    attributes += '{';
  } else {
    attributes.back() = ',';
  }
  attributes.append(literal);
  attributes += ':';
  append_compact(attributes, value);
  attributes += '}';
  if (attributes.size() <= attributes_bytes_max) return true;
  return refuse("", "fields that are not ours have more than " + std::to_string(attributes_bytes_max) + " bytes");
}

Result<std::string> checked_id(std::string_view text) {
  if (!fits_id(text) || !is_utf8(text)) return fail(Code::invalid, std::string(id_expected));
  return std::string(text);
}

}  // namespace waybill::wire
