#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/guarded.h"

namespace waybill {
namespace {

class OneCounter final : public Counter {
 public:
  explicit OneCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(uint64_t count) override { counter_.Increment(static_cast<double>(count)); }
  uint64_t value() const override { return static_cast<uint64_t>(counter_.Value()); }

 private:
  prometheus::Counter& counter_;
};

class OneGauge final : public Gauge {
 public:
  explicit OneGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void set(double value) override { gauge_.Set(value); }
  void add(double value) override { gauge_.Increment(value); }
  double value() const override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class OneHistogram final : public Histogram {
 public:
  explicit OneHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

template <class Interface>
using Made = std::map<std::pair<std::string, Labels>, std::unique_ptr<Interface>>;

template <class Interface, class One, class Make>
Interface& made_once(Made<Interface>& made, const std::string& name, const Labels& labels, Make make) {
  auto& slot = made[{name, labels}];
  if (!slot) slot = std::make_unique<One>(make());
  return *slot;
}

class PrometheusMetrics final : public Metrics {
 public:
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels) override {
    return state_.with([&](State& state) -> Counter& {
      return made_once<Counter, OneCounter>(state.counters, name, labels, [&]() -> prometheus::Counter& {
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
      });
    });
  }

  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) override {
    return state_.with([&](State& state) -> Gauge& {
      return made_once<Gauge, OneGauge>(state.gauges, name, labels, [&]() -> prometheus::Gauge& {
        return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels);
      });
    });
  }

  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const Labels& labels) override {
    return state_.with([&](State& state) -> Histogram& {
      return made_once<Histogram, OneHistogram>(state.histograms, name, labels, [&]() -> prometheus::Histogram& {
        return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels, bounds);
      });
    });
  }

  void before_expose(std::function<void()> measure) override {
    measures_.with([&](auto& measures) { measures.push_back(std::move(measure)); });
  }

  std::string expose() const override {
    // They set metrics, whose lock is another one.
    measures_.with([](const auto& measures) {
      for (const auto& measure : measures) measure();
    });
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  struct State {
    Made<Counter> counters;
    Made<Gauge> gauges;
    Made<Histogram> histograms;
  };
  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
  Guarded<State> state_;
  Guarded<std::vector<std::function<void()>>> measures_;
};

}  // namespace

std::unique_ptr<Metrics> make_metrics() { return std::make_unique<PrometheusMetrics>(); }

std::vector<double> duration_bounds() {
  return {0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};
}

}  // namespace waybill
