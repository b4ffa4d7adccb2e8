#include "serve/limiter.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace waybill::serve {

using std::chrono::milliseconds;

Limiter::Limiter(double per_second, double burst) : per_second_(per_second), burst_(std::max(1.0, burst)) {}

double Limiter::filled(const Bucket& bucket, Moment now) const {
  const double seconds = std::max(0.0, std::chrono::duration<double>(now - bucket.at).count());
  return std::min(burst_, bucket.tickets + seconds * per_second_);
}

milliseconds Limiter::until_one(double tickets) const {
  if (tickets >= 1) return milliseconds(0);
  return milliseconds(std::max<int64_t>(1, std::llround(std::ceil((1 - tickets) / per_second_ * 1000 - 0.001))));
}

milliseconds Limiter::take(std::string_view name, Moment now) {
  if (per_second_ <= 0) return milliseconds(0);
  const uint64_t key = hash64(as_bytes(name));
  return buckets_.with([&](Buckets& buckets) {
    auto found = buckets.by_name.find(key);
    if (found == buckets.by_name.end()) {
      if (buckets.by_use.size() >= buckets_max) {
        buckets.by_name.erase(buckets.by_use.back().name);
        buckets.by_use.pop_back();
      }
      buckets.by_use.push_front({.name = key, .tickets = burst_, .at = now});
      found = buckets.by_name.emplace(key, buckets.by_use.begin()).first;
    } else {
      buckets.by_use.splice(buckets.by_use.begin(), buckets.by_use, found->second);
    }
    Bucket& bucket = *found->second;
    bucket.tickets = filled(bucket, now);
    bucket.at = now;
    const milliseconds wait = until_one(bucket.tickets);
    if (wait == milliseconds(0)) bucket.tickets -= 1;
    return wait;
  });
}

milliseconds Limiter::look(std::string_view name, Moment now) const {
  if (per_second_ <= 0) return milliseconds(0);
  const uint64_t key = hash64(as_bytes(name));
  return buckets_.with([&](const Buckets& buckets) {
    const auto found = buckets.by_name.find(key);
    return found == buckets.by_name.end() ? milliseconds(0) : until_one(filled(*found->second, now));
  });
}

}  // namespace waybill::serve
