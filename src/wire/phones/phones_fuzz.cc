// Any bytes as what a phone sends: what is taken can be kept and read again as it was, and nothing is lost without a word. The first
// byte names the app.
#include <cstdint>

#include "base/check.h"
#include "wire/json_out.h"
#include "wire/json_text.h"
#include "wire/phones/gathered.h"
#include "wire/record.h"

namespace {

using namespace waybill;
using namespace waybill::wire;

const InputOptions options{.received_at = at_us(1'768'467'600'000'000), .idempotency_key = {}, .deliverer = {}};
const PhoneSender nobody, somebody{.user = "ann", .device = "\"phone"};
const Passphrases passphrases = {{"ann", "correct horse"}};

void keep(const Location& location, JsonChecker& checker) {
  const Record record = location;
  std::string bytes;
  encode_record(record, bytes);
  const Result<Record> back = decode_record(as_bytes(bytes));
  CHECK(back && *back == record, "what was taken can be kept");
  CHECK(location.deliverer, "it is somebody's");
  CHECK(location.attributes.empty() || checker.check(location.attributes), "what is kept of other fields is JSON");
  JsonWriter writer;
  write_location(writer, location, {.position = "1-0-1"});
  CHECK(checker.check(writer.take()), "what is answered is JSON");
}

std::vector<NamedText> parameters_of(std::string_view text) {
  std::vector<NamedText> parameters;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    parameters.emplace_back(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
  }
  return parameters;
}

Result<void> read(uint8_t app, std::string_view body, PhoneSink& sink) {
  static PhoneParser parser(&passphrases);
  const std::vector<NamedText> beside = {{"speed_unit", "mps"}};
  switch (app % 8) {
    case 0: return parser.owntracks(body, nobody, options, sink);
    case 1: return parser.owntracks(body, somebody, options, sink);
    case 2: return parser.osmand(parameters_of(body), options, sink);
    case 3: return parser.osmand_json(body, beside, options, sink);
    case 4: return parser.overland(body, nobody, options, sink);
    case 5: return parser.transistor(body, somebody, options, sink);
    case 6: return parser.mds(body, nobody, options, sink);
    default: parser.app_of(body); return {};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static JsonChecker checker;
  Gathered all;
  if (!read(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1}, all)) return 0;
  for (const Location& location : all.locations) keep(location, checker);
  for (const ItemFailure& failure : all.failures) CHECK(!failure.reason.empty(), "a failure says why");
  for (const PhoneWord& word : all.words) CHECK(word.deliverer.size() <= id_bytes_max, "who is named has an id");
  return 0;
}
