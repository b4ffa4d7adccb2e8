// serve/limiter.h — how often something may happen: a bucket of tickets for each name, filled as time goes by.
//
// Threads: all methods from any thread.
// Limits:  buckets_max names are known at once; where there are more, those that rested longest are forgotten, and begin anew
//          with a full bucket. So memory does not grow with the names that were ever seen.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

#include "base/guarded.h"

namespace waybill::serve {

class Limiter {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  static constexpr size_t buckets_max = 65'536;

  // per_second 0: no limit. A name may save up `burst` tickets, at least one.
  Limiter(double per_second, double burst);

  // Takes a ticket: zero. None left: how long until there is one.
  std::chrono::milliseconds take(std::string_view name, Moment now);
  // The same question without taking.
  std::chrono::milliseconds look(std::string_view name, Moment now) const;

 private:
  struct Bucket {
    uint64_t name = 0;
    double tickets = 0;
    Moment at;
  };
  struct Buckets {
    std::list<Bucket> by_use;  // the latest first
    std::unordered_map<uint64_t, std::list<Bucket>::iterator> by_name;
  };
  double filled(const Bucket& bucket, Moment now) const;
  std::chrono::milliseconds until_one(double tickets) const;

  const double per_second_;
  const double burst_;
  Guarded<Buckets> buckets_;
};

}  // namespace waybill::serve
