// base/log.h — what the operator reads: one line a thing, `key=value` behind a sentence, to standard error.
//
// Threads: from any thread. Secrets are never passed in: no token, password, key or whole header.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace waybill::log {

enum class Level { debug, info, warning, error, off };
enum class Format { text, json };

void configure(Level level, Format format);

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
