#include "notify/delivery_log.h"

#include <charconv>
#include <ranges>

#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::notify {
namespace {

constexpr std::string_view line_begin = R"({"n":)";

// 0 where the line is not one of ours.
uint64_t number_of(std::string_view line) {
  uint64_t number = 0;
  if (!line.starts_with(line_begin)) return 0;
  std::from_chars(line.data() + line_begin.size(), line.data() + line.size(), number);
  return number;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const auto& line : std::views::split(text, '\n')) lines.emplace_back(line.begin(), line.end());
  return lines;
}

Result<std::string> read_if_there(Files& files, const std::string& path) {
  auto content = read_file(files, path);
  if (!content && content.error().code == Code::not_found) return std::string();
  return content;
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::delivered: return "delivered";
    case Outcome::failed: return "failed";
    case Outcome::given_up: return "given_up";
  }
  return "";
}

DeliveryLog::DeliveryLog(Files& files, std::string folder, std::string hook)
    : files_(files), folder_(std::move(folder)), hook_(std::move(hook)) {
  // The number of the last line that is whole, or of the one before.
  for (const std::string_view ending : {".1.ndjson", ".ndjson"}) {
    const auto content = read_if_there(files_, path(ending));
    if (!content) continue;
    for (const std::string_view line : lines_of(*content)) number_ = std::max(number_, number_of(line));
  }
}

std::string DeliveryLog::path(std::string_view ending) const { return join_path(folder_, hook_ + std::string(ending)); }

void DeliveryLog::add(const Attempt& attempt) {
  wire::JsonWriter json;
  json.begin_object().key("n").integer(static_cast<int64_t>(++number_)).key("state").text(to_string(attempt.outcome));
  json.key("id").text(attempt.id).key("type").text(attempt.type).key("attempt").integer(attempt.attempt);
  json.key("at").time(attempt.at).key("status");
  if (attempt.status == 0)
    json.null();
  else
    json.integer(attempt.status);
  json.key("ms").integer(attempt.took.count()).key("error");
  if (attempt.error.empty())
    json.null();
  else
    json.text(attempt.error);
  json.end_object();
  waiting_ += json.take() + '\n';
}

Result<void> DeliveryLog::open() {
  auto file = files_.open(path(".ndjson"), OpenMode::read_write);
  if (!file && file.error().code == Code::not_found) file = files_.open(path(".ndjson"), OpenMode::create);
  if (!file) return std::unexpected(file.error());
  TRY_LET(size_, (*file)->size());
  file_ = std::move(*file);
  behind_old_ = size_ > 0;
  return {};
}

Result<void> DeliveryLog::write() {
  if (waiting_.empty()) return {};
  std::string lines = std::exchange(waiting_, {});  // gone also where this fails: they would grow while it does
  if (!file_) TRY(open());
  if (size_ + lines.size() > delivery_log_bytes_max && size_ > 0) {
    file_.reset();
    TRY(files_.rename(path(".ndjson"), path(".1.ndjson")));
    TRY(open());
  }
  if (std::exchange(behind_old_, false)) lines.insert(0, "\n");
  TRY(file_->write_at(size_, as_bytes(lines)));
  size_ += lines.size();
  return {};
}

Result<DeliveryPage> DeliveryLog::read(const DeliveryQuery& query) const {
  DeliveryPage page;
  wire::JsonChecker checker;
  const std::string wanted = R"("state":")" + query.outcome + '"';
  for (const std::string_view ending : {".ndjson", ".1.ndjson"}) {
    TRY_LET(const std::string content, read_if_there(files_, path(ending)));
    for (const std::string_view line : lines_of(content) | std::views::reverse) {
      const uint64_t number = number_of(line);
      if (number == 0 || number >= query.before) continue;
      if (!query.outcome.empty() && line.find(wanted) == std::string_view::npos) continue;
      if (!checker.check(line)) continue;
      if (page.deliveries.size() >= query.limit) {
        page.next = number + 1;
        return page;
      }
      page.deliveries.emplace_back(line);
    }
  }
  return page;
}

void DeliveryLog::remove() {
  file_.reset();
  waiting_.clear();
  for (const std::string_view ending : {".ndjson", ".1.ndjson"}) static_cast<void>(files_.remove(path(ending)));
}

}  // namespace waybill::notify
