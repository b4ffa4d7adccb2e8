#include "app/metrics_text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace waybill::app {
namespace {

MetricsText parsed(std::string_view text) {
  auto read = MetricsText::parse(text);
  EXPECT_TRUE(read) << read.error().message;
  return read ? std::move(*read) : MetricsText();
}

TEST(MetricsText, reads_names_labels_and_values) {
  const MetricsText read = parsed(
      "# HELP a_total what\n# TYPE a_total counter\na_total{route=\"GET /x\",status=\"200\"} 3\n"
      "a_total{route=\"GET /\\\"\\\\\\n\",status=\"500\"} 4e2 1700000000000\n\nb 1.5\nc +Inf\nd NaN\n");
  ASSERT_EQ(read.samples().size(), 5u);
  EXPECT_EQ(read.samples()[0], (Sample{"a_total", {{"route", "GET /x"}, {"status", "200"}}, 3}));
  EXPECT_EQ(read.samples()[1].labels.at("route"), "GET /\"\\\n");
  EXPECT_EQ(read.samples()[1].value, 400);
  EXPECT_EQ(read.sum("a_total"), 403);
  EXPECT_EQ(read.sum("a_total", {{"status", "500"}}), 400);
  EXPECT_EQ(read.sum("a_total", {{"status", "404"}}), 0);
  EXPECT_EQ(read.value("b"), 1.5);
  EXPECT_FALSE(read.value("a_total"));
  EXPECT_TRUE(std::isinf(*read.value("c")));
  EXPECT_TRUE(std::isnan(*read.value("d")));
  EXPECT_EQ(read.label("a_total", "status"), "200");
  EXPECT_EQ(read.label("none", "status"), "");
}

TEST(MetricsText, reads_back_what_we_expose) {
  const auto metrics = make_metrics();
  metrics->counter("waybill_test_total", "help", {{"kind", "a \"quoted\"\\ text"}}).add(7);
  auto& seconds = metrics->histogram("waybill_test_seconds", "help", {0.1, 1});
  for (const double value : {0.05, 0.5, 0.5, 5.0}) seconds.observe(value);
  const MetricsText read = parsed(metrics->expose());
  EXPECT_EQ(read.sum("waybill_test_total", {{"kind", "a \"quoted\"\\ text"}}), 7);
  const Buckets buckets = read.histogram("waybill_test_seconds");
  ASSERT_EQ(buckets.buckets.size(), 3u);
  EXPECT_EQ(buckets.count(), 4);
}

TEST(MetricsText, a_line_that_makes_no_sense_is_named) {
  for (const char* text :
       {"a 1\n{} 2\n", "a 1\na{b=\"c} 2\n", "a 1\na{b} 2", "a 1\na\n", "a 1\na x\n", "a 1\na{b=\"\\"}) {
    const auto read = MetricsText::parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find("line 2"), std::string::npos) << read.error().message;
  }
}

Buckets of(std::vector<Buckets::Bucket> buckets) { return {std::move(buckets)}; }
constexpr double inf = std::numeric_limits<double>::infinity();

TEST(Quantile, is_spread_evenly_within_a_bucket) {
  const Buckets now = of({{1, 10}, {2, 20}, {inf, 20}});
  EXPECT_DOUBLE_EQ(*quantile(now, {}, 0.5), 1);
  EXPECT_DOUBLE_EQ(*quantile(now, {}, 0.75), 1.5);
  EXPECT_DOUBLE_EQ(*quantile(now, {}, 0.99), 1.98);
}

TEST(Quantile, counts_only_what_came_between_two_readings) {
  const Buckets before = of({{1, 100}, {2, 100}, {inf, 100}});
  const Buckets now = of({{1, 100}, {2, 110}, {inf, 110}});
  EXPECT_DOUBLE_EQ(*quantile(now, before, 0.5), 1.5);
  EXPECT_FALSE(quantile(now, now, 0.5)) << "nothing came";
}

TEST(Quantile, beyond_the_last_bound_gives_that_bound) {
  EXPECT_DOUBLE_EQ(*quantile(of({{1, 1}, {2, 1}, {inf, 100}}), {}, 0.99), 2);
  EXPECT_FALSE(quantile({}, {}, 0.5));
}

}  // namespace
}  // namespace waybill::app
