// base/log.h — what the operator reads: one line a thing, `key=value` behind a sentence, to standard error or a file.
//
// Threads: from any thread. Secrets are never passed in: no token, password, key or whole header.
// Delivery: a line is with the system when the call returns; none is lost while a file is exchanged by reopen().
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace waybill::log {

enum class Level { debug, info, warning, error, off };
enum class Format { text, json };

void configure(Level level, Format format);

// From here on the lines are appended to the file, made where it is missing. Fails where it cannot be opened: they go where
// they went before.
Result<void> to_file(const std::string& path);
// Opens the file by its name again, so that one that was renamed (logrotate) gets no more lines. Nothing to do without a file.
Result<void> reopen();

struct Field {
  std::string key;
  std::string value;
  bool quoted;  // false for a number

  Field(std::string_view name, std::string_view text) : key(name), value(text), quoted(true) {}
  Field(std::string_view name, const char* text) : key(name), value(text), quoted(true) {}
  Field(std::string_view name, const std::string& text) : key(name), value(text), quoted(true) {}
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  Field(std::string_view name, Number number) : key(name), value(std::to_string(number)), quoted(false) {}
};

void debug(std::string_view what, std::initializer_list<Field> fields = {});
void info(std::string_view what, std::initializer_list<Field> fields = {});
void warning(std::string_view what, std::initializer_list<Field> fields = {});
void error(std::string_view what, std::initializer_list<Field> fields = {});

}  // namespace waybill::log
