// base/random.h — where randomness comes from: the system once, everything after it from a seed that can be printed.
#pragma once

#include <cstdint>

namespace waybill {

uint64_t random_seed();  // from the system, different at each call

// Small, fast, repeatable (SplitMix64, Steele, Lea, Flood 2014): the same seed gives the same run on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t limit) { return limit == 0 ? 0 : next() % limit; }  // 0 … limit-1
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }     // [0, 1)
  bool chance(double probability) { return unit() < probability; }

 private:
  uint64_t state_;
};

}  // namespace waybill
