#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace waybill {

void check_failed(const char* condition, const char* what, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s (%s) at %s:%d\n", what, condition, file, line);
  std::abort();
}

}  // namespace waybill
