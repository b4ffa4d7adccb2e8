// Any filters, topic and message, with line feeds between: what is read can be kept, and is whose the topic says.
#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "wire/record.h"
#include "wire/topic_in.h"

namespace {

using namespace waybill;
using namespace waybill::wire;

std::string_view line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rules = parse_topic_rules(line(text));
  const std::string_view topic = line(text);
  if (!rules) return 0;
  CHECK(parse_topic_rules(to_text(*rules)) == rules, "rules are read as they are written");
  Published published;
  TopicReader(*rules, {}).read(topic, text, at_us(1'705'309'200'000'000), published);
  const bool nothing = published.locations.empty() && published.failures.empty() && published.words.empty();
  CHECK(nothing || !text.empty(), "an empty message says nothing");
  CHECK(!nothing || text.empty() || published.form == TopicForm::waybill || published.form == TopicForm::owntracks,
        "only an empty array says nothing as well");
  const auto rule = std::ranges::find_if(*rules, [&](const TopicRule& one) { return covers(one.filter, topic); });
  CHECK(text.empty() || published.form.has_value() == (rule != rules->end()), "the first rule decides");
  for (const Location& location : published.locations) {
    std::string bytes;
    encode_record(location, bytes);
    const Result<Record> back = decode_record(as_bytes(bytes));
    CHECK(back && *back == Record(location), "what was read can be kept");
    if (const auto name = named_in(rule->filter, topic))
      CHECK(location.deliverer && location.deliverer->text == *name, "it is whose the topic says");
  }
  for (const ItemFailure& failure : published.failures) {
    CHECK(!failure.reason.empty(), "a failure says why");
    CHECK(failure.raw.size() <= item_bytes_max, "and keeps no more than it may");
  }
  return 0;
}
