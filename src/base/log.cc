#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

#include "base/guarded.h"

namespace waybill::log {
namespace {

std::atomic<Format> line_format{Format::text};

std::unique_ptr<spdlog::formatter> formatter() {
  return std::make_unique<spdlog::pattern_formatter>(line_format.load() == Format::json
                                                         ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)"
                                                         : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                                                     spdlog::pattern_time_type::utc);
}

// Where the lines go. Its one sink can be exchanged while others write: they wait for it.
spdlog::sinks::dist_sink_mt& outlet() {
  static const auto made = std::make_shared<spdlog::sinks::dist_sink_mt>(
      std::vector<spdlog::sink_ptr>{std::make_shared<spdlog::sinks::stderr_sink_mt>()});
  return *made;
}

Guarded<std::string>& file_path() {
  static Guarded<std::string> path;
  return path;
}

spdlog::logger& logger() {
  static std::shared_ptr<spdlog::logger> made = [] {
    // The outlet lives as long as the process: the logger does not own it.
    auto created = std::make_shared<spdlog::logger>("waybill", spdlog::sink_ptr(std::shared_ptr<void>(), &outlet()));
    created->set_formatter(formatter());
    created->flush_on(spdlog::level::debug);
    return created;
  }();
  return *made;
}

void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') line += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      line += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      line += c;
  }
  line += '"';
}

void write(spdlog::level::level_enum level, std::string_view what, std::initializer_list<Field> fields) {
  if (!logger().should_log(level)) return;
  std::string line;
  const bool json = line_format.load() == Format::json;
  if (json) {
    line += "\"what\":";
    append_quoted(line, what);
  } else {
    line += what;
  }
  for (const Field& field : fields) {
    line += json ? ",\"" : " ";
    line += field.key;
    line += json ? "\":" : "=";
    const bool plain = !json && field.value.find_first_of(" \"=\n\r\t") == std::string::npos && !field.value.empty();
    if (field.quoted && !plain)
      append_quoted(line, field.value);
    else
      line += field.value;
  }
  if (json) line += '}';
  logger().log(level, "{}", line);
}

}  // namespace

void configure(Level level, Format format) {
  line_format = format;
  logger().set_formatter(formatter());
  switch (level) {
    case Level::debug: logger().set_level(spdlog::level::debug); break;
    case Level::info: logger().set_level(spdlog::level::info); break;
    case Level::warning: logger().set_level(spdlog::level::warn); break;
    case Level::error: logger().set_level(spdlog::level::err); break;
    case Level::off: logger().set_level(spdlog::level::off); break;
  }
}

Result<void> to_file(const std::string& path) {
  return file_path().with([&](std::string& named) -> Result<void> {
    try {
      auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
      sink->set_formatter(formatter());
      outlet().set_sinks({std::move(sink)});
    } catch (const spdlog::spdlog_ex& error) {
      return fail(Code::unavailable, std::string("log file ") + path + ": " + error.what());
    }
    named = path;
    return {};
  });
}

Result<void> reopen() {
  const std::string path = file_path().with([](const std::string& named) { return named; });
  return path.empty() ? Result<void>() : to_file(path);
}

void debug(std::string_view what, std::initializer_list<Field> fields) { write(spdlog::level::debug, what, fields); }
void info(std::string_view what, std::initializer_list<Field> fields) { write(spdlog::level::info, what, fields); }
void warning(std::string_view what, std::initializer_list<Field> fields) { write(spdlog::level::warn, what, fields); }
void error(std::string_view what, std::initializer_list<Field> fields) { write(spdlog::level::err, what, fields); }

}  // namespace waybill::log
