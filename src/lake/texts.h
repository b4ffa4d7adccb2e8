// lake/texts.h — a column of texts while its rows are collected: each different text is kept once.
//
// Threads: an object belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::lake {

class Texts {
 public:
  static constexpr uint32_t none = UINT32_MAX;

  void add(std::optional<std::string_view> text);  // the next row's
  std::optional<std::string_view> at(size_t row) const {
    return codes_[row] == none ? std::nullopt : std::optional(text_of(codes_[row]));
  }
  uint32_t code(size_t row) const {
    return codes_[row];
  }  // the same for the same text, from 0 on; none where there is none
  size_t different() const { return ends_.size(); }
  std::vector<uint32_t> ranks() const;  // by code: its place among the different texts in the order of their bytes

 private:
  std::string_view text_of(uint32_t code) const {
    const size_t begin = code == 0 ? 0 : ends_[code - 1];
    return std::string_view(kept_).substr(begin, ends_[code] - begin);
  }
  uint32_t code_of(std::string_view text);
  void grow();

  std::vector<uint32_t> codes_;  // by row
  std::string kept_;  // the different texts, one behind the other
  std::vector<size_t> ends_;  // by code: where in it
  std::vector<uint32_t> hashes_;  // by code
  std::vector<uint32_t>
      slots_;  // a code, or none; a power of two, more than half of them empty; searched from a hash on
};

}  // namespace waybill::lake
