#include "serve/reply_text.h"

#include <array>
#include <charconv>
#include <cstdio>

#include "serve/problem.h"

namespace waybill::serve {
namespace {

void append_number(std::string& into, uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  into.append(digits.data(), end);
}

void append_value(std::string& into, std::string_view value) {
  for (const char c : value) into.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
}

}  // namespace

void write_reply(std::string& into, const Reply& reply, std::string_view date, After after, WithBody with_body) {
  constexpr std::string_view usual = "HTTP/1.1 200 OK\r\nDate: ";
  if (reply.status == 200) {
    into += usual;
  } else {
    into += "HTTP/1.1 ";
    append_number(into, static_cast<uint64_t>(reply.status));
    into += ' ';
    into += reason_phrase(reply.status);
    into += "\r\nDate: ";
  }
  into += date;
  const bool bodiless = reply.status == 204 || reply.status == 304;
  if (!bodiless) {
    into += "\r\nContent-Type: ";
    into += reply.content_type;
    if (!reply.stream) {
      into += "\r\nContent-Length: ";
      append_number(into, reply.body.size());
    }
  }
  for (const auto& [name, value] : reply.headers) {
    into += "\r\n";
    into += name;
    into += ": ";
    append_value(into, value);
  }
  switch (after) {
    case After::stays_open: break;
    case After::stays_open_told: into += "\r\nConnection: keep-alive"; break;
    case After::closes: into += "\r\nConnection: close"; break;
  }
  into += "\r\n\r\n";
  if (with_body == WithBody::yes && !bodiless) into += reply.body;
}

std::string http_date(Time now) {
  using namespace std::chrono;
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<std::chrono::days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(floor<seconds>(now - day));
  std::array<char, 64> text;
  const int length =
      std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT", days[weekday(day).c_encoding()],
                    static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                    static_cast<int>(date.year()), static_cast<int>(time.hours().count()),
                    static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return {text.data(), static_cast<size_t>(length)};
}

}  // namespace waybill::serve
