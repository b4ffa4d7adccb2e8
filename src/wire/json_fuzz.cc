// Any bytes as the body of each entry that takes JSON: what is accepted can be kept and read again as it was, and the two
// readers that check JSON agree. The first byte names the entry.
#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "wire/json_in.h"
#include "wire/json_out.h"
#include "wire/json_text.h"
#include "wire/record.h"

namespace {

using namespace waybill;
using namespace waybill::wire;

const InputOptions options{.received_at = at_us(1'705'309'200'000'000), .idempotency_key = "k"};

template <class T>
void keep(const std::variant<T, ItemFailure>& item, JsonChecker& checker) {
  if (const auto* failure = std::get_if<ItemFailure>(&item)) {
    CHECK(!failure->reason.empty(), "a failure says why");
    return;
  }
  const Record record = std::get<T>(item);
  std::string bytes;
  encode_record(record, bytes);
  const Result<Record> back = decode_record(as_bytes(bytes));
  CHECK(back && *back == record, "what was accepted can be kept");
  const std::string& attributes = std::get<T>(item).attributes;
  CHECK(attributes.empty() || checker.check(attributes), "what is kept of unknown fields is JSON");
  if constexpr (std::is_same_v<T, Location>) {
    JsonWriter writer;
    write_location(writer, std::get<T>(item), {.position = "1-0-1"});
    CHECK(checker.check(writer.take()), "what is answered is JSON");
  }
}

template <class T>
void keep_all(const Result<Items<T>>& items, JsonChecker& checker) {
  if (!items) return;
  CHECK(items->size() <= items_max, "no more items than are allowed");
  for (const auto& item : *items) keep(item, checker);
}

// The short way of what is written plainly leads to the same.
void read_locations(std::string_view body, BodyForm form, JsonChecker& checker) {
  static InputParser quick(Reading::quick), thorough(Reading::thorough);
  const auto items = quick.locations(body, form, options);
  CHECK(items == thorough.locations(body, form, options), "both ways to read a body agree");
  keep_all(items, checker);
}

// A number beyond a double makes the slow reader look at what the quick one looks at without it.
void compare_readers(std::string_view text, JsonChecker& checker) {
  const bool quick = checker.check(text).has_value();
  const bool slow = checker.check("[1e400," + std::string(text) + ']').has_value();
  const bool nested = checker.check("[1," + std::string(text) + ']').has_value();
  CHECK(slow == nested, "both readers agree");
  if (quick) CHECK(checker.check(' ' + std::string(text) + '\n'), "white space around a value changes nothing");
}

void read_text(std::string_view text, JsonChecker& checker) {
  compare_readers(text, checker);
  CHECK(is_utf8(made_utf8(text)), "made UTF-8 is UTF-8");
  if (!checker.check(text)) return;
  std::string compact, scratch;
  append_compact(compact, text);
  CHECK(checker.check(compact), "a compact text is still JSON");
  const std::string_view value = json_trimmed(text);
  if (kind_of(value) == JsonKind::string)
    if (const auto meant = json_string(value, scratch)) CHECK(is_utf8(*meant), "a text means UTF-8");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  static InputParser parser;
  static JsonChecker checker;
  switch (data[0] % 8) {
    case 0: read_locations(body, BodyForm::json, checker); break;
    case 1: read_locations(body, BodyForm::ndjson, checker); break;
    case 2: keep_all(parser.orders(body, BodyForm::json, options), checker); break;
    case 3: keep_all(parser.orders(body, BodyForm::ndjson, options), checker); break;
    case 4:
      if (const auto item = parser.first_system(body, options)) keep(*item, checker);
      break;
    case 5:
      if (const auto item = parser.order_command(OrderCommand::Kind::reassign, OrderId("o"), body, options))
        keep(*item, checker);
      break;
    case 6:
      if (const auto item = parser.order_command(OrderCommand::Kind::close, OrderId("o"), body, options))
        keep(*item, checker);
      break;
    default: read_text(body, checker); break;
  }
  return 0;
}
