// app/metrics_text.h — Prometheus' text format read back: what /metrics of a running waybill says.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"

namespace waybill::app {

struct Sample {
  std::string name;
  Labels labels;
  double value = 0;

  bool operator==(const Sample&) const = default;
};

// One histogram, or several added up: how many were at most `le`, ascending by `le`.
struct Buckets {
  struct Bucket {
    double le = 0;  // the last one's is infinite
    double count = 0;
  };
  std::vector<Bucket> buckets;

  double count() const { return buckets.empty() ? 0 : buckets.back().count; }
};

// What one answer of /metrics says.
class MetricsText {
 public:
  // invalid: a line that is not of the format, with its number.
  static Result<MetricsText> parse(std::string_view text);

  // All samples of the name that have these labels, added up; 0 where there is none.
  double sum(std::string_view name, const Labels& with = {}) const;
  std::optional<double> value(std::string_view name) const;  // of the one without labels
  std::string label(std::string_view name, const std::string& label) const;  // of the first of that name; else empty
  Buckets histogram(const std::string& name) const;
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  std::vector<Sample> samples_;
};

// Of what was counted between two readings of the same histogram (`before` may be empty: since the start), as Prometheus'
// histogram_quantile: within a bucket as if evenly spread. Nothing where nothing was counted.
std::optional<double> quantile(const Buckets& now, const Buckets& before, double share);

}  // namespace waybill::app
