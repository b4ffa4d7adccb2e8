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

// The same to where there is room for it: behind the bytes put. A number of any kind takes number_bytes_max at most.
inline constexpr size_t number_bytes_max = 11;
char* put_varint(char* at, uint64_t value);
char* put_signed(char* at, int64_t value);
char* put_text(char* at, std::string_view text);
char* put_fixed64(char* at, uint64_t value);
char* put_number(char* at, double value);

class Taker {
 public:
  explicit Taker(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  uint8_t byte();
  uint64_t varint();
  int64_t signed_varint();
  std::string_view text();
  uint64_t fixed64();
  double number();

  size_t left() const { return static_cast<size_t>(end_ - at_); }
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
