#include "app/batch_answer.h"

#include <simdjson.h>

namespace waybill::app {
namespace {

namespace dom = simdjson::dom;

std::string text_of(dom::element object, const char* name) {
  std::string_view text;
  if (object[name].get(text)) return {};
  return std::string(text);
}

constexpr size_t error_text_bytes_max = 300;  // of an answer that is not ours: the rest is cut off

}  // namespace

Result<BatchAnswer> read_batch_answer(std::string_view body) {
  dom::parser parser;
  dom::element root;
  if (parser.parse(body.data(), body.size()).get(root) || !root.is_object())
    return fail(Code::invalid, "the answer is not a JSON object: " + error_text(200, body));
  BatchAnswer answer;
  answer.last_position = text_of(root, "last");
  dom::array failures;
  if (root["failures"].get(failures)) return answer;
  for (dom::element failure : failures) {
    BatchAnswer::Failure read;
    if (failure["item"].get(read.item)) return fail(Code::invalid, "the answer names a failure without its item");
    read.field = text_of(failure, "field");
    read.reason = text_of(failure, "reason");
    answer.failures.push_back(std::move(read));
  }
  return answer;
}

std::string error_text(int status, std::string_view body) {
  std::string text = std::to_string(status) + ": " + std::string(body.substr(0, error_text_bytes_max));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace waybill::app
