#include "notify/standing_file.h"

#include <charconv>

#include "base/log.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::notify {
namespace {

std::chrono::seconds seconds_of(const std::string& text) {
  int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(read.ec == std::errc() ? seconds : 0);
}

}  // namespace

std::optional<Standing> read_standing(Files& files, const std::string& path) {
  const auto content = read_file(files, path);
  if (!content && content.error().code == Code::not_found) return std::nullopt;
  const auto unreadable = [&](std::string_view why) {
    log::error("how far a webhook has been told cannot be read: it is told again what is kept",
               {{"file", path}, {"why", why}});
    return std::nullopt;
  };
  if (!content) return unreadable(content.error().message);
  wire::JsonChecker checker;
  if (!checker.check(*content)) return unreadable("it is not JSON");
  Standing standing;
  for (const auto& [name, value] : wire::text_members(wire::json_trimmed(*content))) {
    if (name == "next") standing.next = value;
    if (name == "state") standing.failed = value == "failed";
    if (name == "why") standing.why = value;
    if (name == "failing_seconds") standing.failing = seconds_of(value);
    if (name == "down_seconds") standing.down = seconds_of(value);
  }
  return standing;
}

Result<void> write_standing(Files& files, const std::string& path, const Standing& standing) {
  wire::JsonWriter json;
  json.begin_object().key("next").text(standing.next).key("state").text(standing.failed ? "failed" : "active");
  json.key("why").text(standing.why).key("failing_seconds").text(std::to_string(standing.failing.count()));
  json.key("down_seconds").text(std::to_string(standing.down.count()));
  json.end_object();
  return write_file_atomically(files, path, json.take() + '\n');
}

}  // namespace waybill::notify
