#include "app/replay_progress.h"

#include <simdjson.h>

#include "wire/json_out.h"

namespace waybill::app {

std::string progress_json(const ReplayProgress& progress) {
  wire::JsonWriter writer;
  writer.begin_object().key("waybill_replay").integer(1).key("lines").integer(static_cast<int64_t>(progress.lines));
  writer.key("head_bytes").integer(static_cast<int64_t>(progress.head.bytes)).key("head").text(progress.head.hash);
  writer.key("url").text(progress.url).key("last_position").text(progress.last_position).end_object();
  return writer.take() + '\n';
}

Result<ReplayProgress> read_progress(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  uint64_t version = 0;
  ReplayProgress progress;
  std::string_view head, url, position;
  if (parser.parse(json.data(), json.size()).get(root) || root["waybill_replay"].get(version) || version != 1 ||
      root["lines"].get(progress.lines) || root["head_bytes"].get(progress.head.bytes) || root["head"].get(head) ||
      root["url"].get(url) || root["last_position"].get(position))
    return fail(Code::invalid, "not a replay's progress");
  progress.head.hash = head;
  progress.url = url;
  progress.last_position = position;
  return progress;
}

}  // namespace waybill::app
