#include "wire/time_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace waybill::wire {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint8_t digits_max = 6;
constexpr std::array<int64_t, digits_max + 1> us_of_digit = {1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
constexpr int64_t second_us = 1'000'000;
constexpr int64_t last_year_end_us = 253'402'300'800 * second_us;  // the first moment of the year 10000
constexpr int64_t year_zero_us = -62'167'219'200 * second_us;      // the first moment of the year 0

// Reads from the front of a text and remembers whether all of it was as expected.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  int number(int digits) {
    int value = 0;
    for (; digits > 0; --digits, ++at_) {
      if (at_ == end_ || *at_ < '0' || *at_ > '9') {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (*at_ - '0');
    }
    return value;
  }
  bool take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) ok_ = false;
  }
  bool at_digit() const { return at_ != end_ && *at_ >= '0' && *at_ <= '9'; }
  bool done() const { return at_ == end_; }
  bool ok() const { return ok_; }
  void refuse() { ok_ = false; }

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// After the point: how many digits there were, and the microseconds they mean.
microseconds take_fraction(TimeReader& from, uint8_t& digits) {
  int64_t us = 0;
  digits = 0;
  if (!from.at_digit()) from.refuse();
  while (from.at_digit()) {
    const int digit = from.number(1);
    if (digits == digits_max) continue;  // finer than we keep
    ++digits;
    us += digit * us_of_digit[digits];
  }
  return microseconds(us);
}

microseconds take_offset(TimeReader& from, int sign) {
  const int hour = from.number(2);
  int minute = 0;
  if (from.take(':') || from.at_digit()) minute = from.number(2);
  if (hour > 23 || minute > 59) from.refuse();
  return sign * (hours(hour) + minutes(minute));
}

microseconds take_time_of_day(TimeReader& from, uint8_t& digits) {
  const int hour = from.number(2);
  from.expect(':');
  const int minute = from.number(2);
  from.expect(':');
  const int second = from.number(2);
  if (hour > 23 || minute > 59 || second > 60) from.refuse();  // 60: a leap second, the next one for us
  microseconds fraction{};
  if (from.take('.')) fraction = take_fraction(from, digits);
  return hours(hour) + minutes(minute) + seconds(second) + fraction;
}

bool can_be_written(Time time) { return to_us(time) >= 0 && to_us(time) < last_year_end_us; }

void put_digits(char*& at, int64_t value, int count) {
  for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  at += count;
}

// As many digits as asked for, more where they would be lost.
uint8_t digits_needed(int64_t us_in_second, uint8_t asked) {
  uint8_t digits = std::min(asked, digits_max);
  while (us_in_second % us_of_digit[digits] != 0) ++digits;
  return digits;
}

std::string format(Time time, uint8_t digits, std::string_view zone) {
  // Beyond what four digits can say: the nearest that they can.
  const int64_t us = std::clamp(to_us(time), year_zero_us, last_year_end_us - 1);
  const Time written = at_us(us);
  const auto day = std::chrono::floor<days>(written);
  const std::chrono::year_month_day date(day);
  const int64_t in_day_us = (written - day).count();
  const int64_t second = in_day_us / second_us;
  std::array<char, 32> text;
  char* at = text.data();
  put_digits(at, int{date.year()}, 4);
  *at++ = '-';
  put_digits(at, unsigned{date.month()}, 2);
  *at++ = '-';
  put_digits(at, unsigned{date.day()}, 2);
  *at++ = 'T';
  put_digits(at, second / 3600, 2);
  *at++ = ':';
  put_digits(at, second / 60 % 60, 2);
  *at++ = ':';
  put_digits(at, second % 60, 2);
  digits = digits_needed(in_day_us % second_us, digits);
  if (digits > 0) {
    *at++ = '.';
    put_digits(at, in_day_us % second_us / us_of_digit[digits], digits);
  }
  std::memcpy(at, zone.data(), zone.size());
  at += zone.size();
  return {text.data(), at};
}

}  // namespace

std::optional<ParsedTime> parse_time(std::string_view text, Duration naive_offset) {
  TimeReader from(text);
  const int year = from.number(4);
  from.expect('-');
  const int month = from.number(2);
  from.expect('-');
  const int day = from.number(2);
  if (!from.ok()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;

  ParsedTime parsed{.time = std::chrono::sys_days(date), .form = {.digits = 0, .naive = true}};
  if (!from.done()) {
    if (!from.take('T') && !from.take('t') && !from.take(' ')) return std::nullopt;
    parsed.time += take_time_of_day(from, parsed.form.digits);
    if (from.take('Z') || from.take('z')) {
      parsed.form.naive = false;
    } else if (const bool east = from.take('+'); east || from.take('-')) {
      parsed.form.naive = false;
      parsed.time -= take_offset(from, east ? 1 : -1);
    }
  }
  if (parsed.form.naive) {
    if (to_us(parsed.time) >= last_year_end_us) return std::nullopt;  // a leap second: it could not be written as sent
    parsed.time -= naive_offset;
  }
  if (!from.ok() || !from.done() || !can_be_written(parsed.time)) return std::nullopt;
  return parsed;
}

std::optional<ParsedTime> parse_epoch(double number) {
  constexpr double milliseconds_from = 1e11, microseconds_from = 1e14;
  const double to_microseconds = number < milliseconds_from ? 1e6 : number < microseconds_from ? 1e3 : 1;
  const double us = std::round(number * to_microseconds);
  if (!(us >= 0 && us < static_cast<double>(last_year_end_us))) return std::nullopt;  // NaN too
  const auto whole_us = static_cast<int64_t>(us);
  const uint8_t needed = digits_needed(whole_us % second_us, 0);
  const uint8_t digits = needed == 0 ? 0 : needed <= 3 ? 3 : digits_max;
  return ParsedTime{.time = at_us(whole_us), .form = {.digits = digits, .naive = false}};
}

std::string format_time(Time time, TimeForm form) { return format(time, form.digits, "Z"); }

std::string format_time_as_sent(Time time, TimeForm form, Duration naive_offset) {
  if (!form.naive) return format(time, form.digits, "Z");
  return format(time + naive_offset, form.digits, "");
}

}  // namespace waybill::wire
