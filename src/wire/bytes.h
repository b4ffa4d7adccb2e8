// wire/bytes.h — varints, texts and numbers that our own formats are made of.
//
// Invariant: what put wrote, take reads back equal, bit for bit; take never reads outside its bytes and after the first
//            failure gives zeros and ok() == false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/files.h"

namespace waybill::wire {

void put_varint(std::string& into, uint64_t value);  // LEB128
void put_signed(std::string& into, int64_t value);  // zigzag, then LEB128
void put_text(std::string& into, std::string_view text);  // varint length, bytes
void put_fixed64(std::string& into, uint64_t value);  // little endian
// One byte s, then: s = 0 … 9: signed varint m, the value is m / 10^s exactly as a double; s = 255: the 8 bytes of the double.
void put_number(std::string& into, double value);

class Taker {
 public:
  explicit Taker(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  uint8_t byte();
  uint64_t varint();
  int64_t signed_varint();
  std::string_view text();
  uint64_t fixed64();
  double number();

  bool ok() const { return ok_; }
  bool done() const { return ok_ && at_ == end_; }  // everything read, nothing left
  void refuse() {
    ok_ = false;
    at_ = end_;
  }  // what was read makes no sense

 private:
  const std::byte* at_;
  const std::byte* end_;
  bool ok_ = true;
};

}  // namespace waybill::wire
