// lake/cells.h — cells of one column, of some rows in their order, on their way into a file or out of it.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waybill::lake {

struct Cells {
  std::vector<int16_t>
      present;  // a row each: 1, or 0 where it has no value; the values of the others stand in one of these
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::vector<std::string_view> texts;
  std::deque<std::string> kept;  // what texts look at that lives nowhere else

  void clear() {
    present.clear();
    integers.clear();
    reals.clear();
    texts.clear();
    kept.clear();
    row_ = value_ = 0;
  }

  template <std::integral T>
  void add(T value) {
    integers.push_back(static_cast<int64_t>(value));
    present.push_back(1);
  }
  void add(double value) {
    reals.push_back(value);
    present.push_back(1);
  }
  void add(std::string_view text) {
    texts.push_back(text);
    present.push_back(1);
  }
  void add(std::string text) { add(std::string_view(kept.emplace_back(std::move(text)))); }
  template <class T>
  void add(std::optional<T> value) {
    if (value)
      add(std::move(*value));
    else
      present.push_back(0);
  }

  // The next row's; once a row.
  std::optional<int64_t> next_integer() { return next(integers); }
  std::optional<double> next_real() { return next(reals); }
  std::optional<std::string_view> next_text() { return next(texts); }

 private:
  template <class T>
  std::optional<T> next(const std::vector<T>& values) {
    return present[row_++] == 0 ? std::nullopt : std::optional<T>(values[value_++]);
  }

  size_t row_ = 0;
  size_t value_ = 0;
};

}  // namespace waybill::lake
