#include "app/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

namespace waybill::app {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

std::optional<double> number_of(std::string_view text) {
  if (text == "+Inf" || text == "Inf") return infinite;
  if (text == "-Inf") return -infinite;
  if (text == "NaN" || text == "Nan") return std::nan("");
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Reads one line from its begin on; each step takes off what it has read.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  std::optional<Sample> read() {
    Sample sample;
    sample.name = take_until("{ ");
    if (sample.name.empty()) return std::nullopt;
    if (take('{') && !read_labels(sample.labels)) return std::nullopt;
    if (!take(' ')) return std::nullopt;
    const auto value = number_of(take_until(" "));  // a time may follow
    if (!value) return std::nullopt;
    sample.value = *value;
    return sample;
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string take_until(std::string_view ends) {
    const size_t end = std::min(rest_.find_first_of(ends), rest_.size());
    std::string taken(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return taken;
  }

  bool read_labels(Labels& labels) {
    while (!take('}')) {
      const std::string name = take_until("=");
      if (name.empty() || !take('=') || !take('"')) return false;
      if (!read_quoted(labels[name])) return false;
      take(',');
    }
    return true;
  }

  bool read_quoted(std::string& value) {
    while (!take('"')) {
      if (rest_.empty()) return false;
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '\\') {
        if (rest_.empty()) return false;
        c = rest_.front() == 'n' ? '\n' : rest_.front();
        rest_.remove_prefix(1);
      }
      value += c;
    }
    return true;
  }

  std::string_view rest_;
};

bool has(const Sample& sample, const Labels& with) {
  return std::ranges::all_of(with, [&](const auto& label) {
    const auto found = sample.labels.find(label.first);
    return found != sample.labels.end() && found->second == label.second;
  });
}

}  // namespace

Result<MetricsText> MetricsText::parse(std::string_view text) {
  MetricsText read;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty() || line.starts_with('#')) continue;
    auto sample = LineReader(line).read();
    if (!sample) return fail(Code::invalid, "metrics, line " + std::to_string(number) + ": not of Prometheus' format");
    read.samples_.push_back(std::move(*sample));
  }
  return read;
}

double MetricsText::sum(std::string_view name, const Labels& with) const {
  double total = 0;
  for (const Sample& sample : samples_)
    if (sample.name == name && has(sample, with)) total += sample.value;
  return total;
}

std::optional<double> MetricsText::value(std::string_view name) const {
  for (const Sample& sample : samples_)
    if (sample.name == name && sample.labels.empty()) return sample.value;
  return std::nullopt;
}

std::string MetricsText::label(std::string_view name, const std::string& label) const {
  for (const Sample& sample : samples_)
    if (sample.name == name)
      if (const auto found = sample.labels.find(label); found != sample.labels.end()) return found->second;
  return {};
}

Buckets MetricsText::histogram(const std::string& name) const {
  std::map<double, double> counts;
  for (const Sample& sample : samples_) {
    if (sample.name != name + "_bucket") continue;
    const auto le = sample.labels.find("le");
    if (le == sample.labels.end()) continue;
    if (const auto bound = number_of(le->second)) counts[*bound] += sample.value;
  }
  Buckets found;
  for (const auto& [le, count] : counts) found.buckets.push_back({.le = le, .count = count});
  return found;
}

std::optional<double> quantile(const Buckets& now, const Buckets& before, double share) {
  const auto counted = [&](size_t i) {
    const bool same = before.buckets.size() == now.buckets.size();
    return now.buckets[i].count - (same ? before.buckets[i].count : 0);
  };
  if (now.buckets.empty()) return std::nullopt;
  const double total = counted(now.buckets.size() - 1);
  if (!(total > 0)) return std::nullopt;
  const double wanted = share * total;
  double lower = 0;
  double below = 0;
  for (size_t i = 0; i < now.buckets.size(); ++i) {
    const double upper = now.buckets[i].le;
    const double up_to = counted(i);
    if (up_to >= wanted && up_to > below) {
      if (std::isinf(upper)) return lower;  // all that is known: more than this
      return lower + (upper - lower) * (wanted - below) / (up_to - below);
    }
    lower = upper;
    below = up_to;
  }
  return lower;
}

}  // namespace waybill::app
