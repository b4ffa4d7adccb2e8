// serve/certificate_for_tests.h — certificates made when a test wants one.
#pragma once

#include <ctime>
#include <string>

namespace waybill::serve {

// A certificate that its own key signed, as PEM, and the key.
struct Pair {
  std::string certificate;
  std::string key;
};
Pair make_pair_of(long serial, time_t ends_s);

}  // namespace waybill::serve
