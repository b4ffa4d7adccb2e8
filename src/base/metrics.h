// base/metrics.h — the numbers every hop counts, exposed in Prometheus' text format.
//
// Threads: all methods from any thread. A metric lives as long as its Metrics.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace waybill {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(uint64_t count = 1) = 0;
  virtual uint64_t value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double value) = 0;
  virtual double value() const = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;  // in the unit that the name ends in: seconds, bytes
};

class Metrics {
 public:
  virtual ~Metrics() = default;
  // The same name and labels give the same metric again. Names follow Prometheus: waybill_<room>_<what>_<unit>[_total].
  virtual Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                               const Labels& labels = {}) = 0;
  // Called before each expose(), by its thread: for what is measured when somebody asks.
  virtual void before_expose(std::function<void()> measure) = 0;
  virtual std::string expose() const = 0;  // text/plain; version=0.0.4
};

std::unique_ptr<Metrics> make_metrics();

// Bounds for durations in seconds: 50 us to 10 s, about two a factor of three.
std::vector<double> duration_bounds();

}  // namespace waybill
