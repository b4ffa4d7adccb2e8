// base/check.h — CHECK stops the process on a programmer's mistake; it stays on in release and no input can reach it.
#pragma once

namespace waybill {

[[noreturn]] void check_failed(const char* condition, const char* what, const char* file, int line);

#define CHECK(condition, what)                                       \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::waybill::check_failed(#condition, what, __FILE__, __LINE__); \
  } while (false)

}  // namespace waybill
