// Any bytes as a time: what is read can be written, and reads as the same moment.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "wire/time_text.h"

namespace {

using namespace waybill;
using namespace waybill::wire;

void write_and_read(const ParsedTime& parsed, Duration naive_offset) {
  const auto back = parse_time(format_time(parsed.time, parsed.form));
  CHECK(back && back->time == parsed.time, "a time reads as it was written");
  const auto as_sent = parse_time(format_time_as_sent(parsed.time, parsed.form, naive_offset), naive_offset);
  CHECK(as_sent && as_sent->time == parsed.time, "and as it was sent");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Duration naive_offset = std::chrono::minutes(static_cast<int8_t>(data[0]) * 6);
  if (const auto parsed = parse_time(text, naive_offset)) write_and_read(*parsed, naive_offset);
  double number = 0;
  if (text.size() >= sizeof number) {
    std::memcpy(&number, text.data(), sizeof number);
    if (const auto parsed = parse_epoch(number)) write_and_read(*parsed, {});
  }
  return 0;
}
