#include "app/bench/requests.h"

#include <gtest/gtest.h>

#include <set>

#include "wire/json_in.h"

namespace waybill::app::bench {
namespace {

class Collect final : public wire::ItemSink<Location> {
 public:
  void take(Location& location) override { locations.push_back(location); }
  void take(wire::ItemFailure failure) override { FAIL() << failure.field << ": " << failure.reason; }
  std::vector<Location> locations;
};

std::string_view body_of(std::string_view request) { return request.substr(request.find("\r\n\r\n") + 4); }

// What the server reads in the requests with these numbers.
std::vector<Location> read_in(const PostOptions& options, uint64_t first, uint64_t behind) {
  const auto requests = post_locations({}, options);
  wire::InputParser parser;
  Collect collect;
  std::string request;
  for (uint64_t number = first; number < behind; ++number) {
    requests->render(request, number);
    const auto form = options.form == Form::ndjson ? wire::BodyForm::ndjson : wire::BodyForm::json;
    EXPECT_TRUE(parser.locations(body_of(request), form, {}, collect));
    EXPECT_NE(request.find("Content-Length: " + std::to_string(body_of(request).size()) + "\r\n"), std::string::npos);
  }
  return collect.locations;
}

void expect_all_different(const std::vector<Location>& locations) {
  std::set<std::string> ids;
  for (const Location& location : locations) ids.insert(to_hex(event_id_of(location)));
  EXPECT_EQ(ids.size(), locations.size());
}

TEST(BenchRequests, a_location_has_200_bytes) {
  std::string request;
  post_locations({}, {})->render(request, 123'456'789);
  EXPECT_EQ(body_of(request).size(), location_bytes) << request;
}

TEST(BenchRequests, single_locations_are_valid_and_no_two_are_alike) {
  const auto locations = read_in({.run = 7}, 999'000, 1'001'500);
  ASSERT_EQ(locations.size(), 2'500u);
  expect_all_different(locations);
  for (size_t i = 1; i < locations.size(); ++i) EXPECT_LT(locations[i - 1].fix_time, locations[i].fix_time);
  EXPECT_EQ(locations[0].order->text, order_name(0, 7));
  EXPECT_EQ(locations[1'999].order->text, order_name(999, 7)) << "the orders take turns";
}

TEST(BenchRequests, batches_are_valid_in_both_forms_and_no_two_locations_are_alike) {
  for (const Form form : {Form::array, Form::ndjson}) {
    const auto locations = read_in({.form = form, .items = 50}, 0, 40);
    ASSERT_EQ(locations.size(), 2'000u);
    expect_all_different(locations);
    EXPECT_LT(locations[0].fix_time, locations[50].fix_time) << "of one order they ascend";
    EXPECT_EQ(locations[0].order, locations[50].order);
  }
}

TEST(BenchRequests, runs_and_rows_have_orders_of_their_own) {
  auto locations = read_in({.run = 1}, 0, 100);
  const auto others = read_in({.run = 2}, 0, 100);
  locations.insert(locations.end(), others.begin(), others.end());
  expect_all_different(locations);
}

TEST(BenchRequests, the_fix_time_counts_microseconds_over_seconds_minutes_and_hours) {
  const auto fix_of = [](uint64_t number) { return read_in({}, number, number + 1).at(0).fix_time; };
  for (const uint64_t number : {1ull, 999'999ull, 1'000'000ull, 60'000'001ull, 3'600'000'000ull, 86'399'999'999ull})
    EXPECT_EQ(to_us(fix_of(number)) - to_us(fix_of(0)), static_cast<int64_t>(number));
}

TEST(BenchRequests, a_location_that_is_waited_for_says_when_it_was_sent) {
  const std::string request = probe_text({}, 3, 5, 1'234'567);
  wire::InputParser parser;
  Collect collect;
  ASSERT_TRUE(parser.locations(body_of(request), wire::BodyForm::json, {}, collect));
  ASSERT_EQ(collect.locations.size(), 1u);
  EXPECT_EQ(collect.locations[0].order->text, order_name(0, 3));
  EXPECT_NE(collect.locations[0].attributes.find("\"sent_us\":1234567"), std::string::npos);
}

TEST(BenchRequests, an_answer_is_good_only_where_it_says_all_that_was_asked) {
  const auto one = post_locations({}, {});
  EXPECT_TRUE(one->good({.status = 200}));
  EXPECT_FALSE(one->good({.status = 503}));
  const auto batch = post_locations({}, {.form = Form::array, .items = 2});
  EXPECT_TRUE(batch->good({.status = 200, .body = R"({"accepted":2,"failed":0,"failures":[]})"}));
  EXPECT_FALSE(batch->good({.status = 200, .body = R"({"accepted":1,"failed":1,"failures":[{}]})"}));
  const auto track = get_track({}, 0, 2);
  EXPECT_TRUE(track->good({.status = 200, .body = R"([{"timestamp":"1"},{"timestamp":"2"}])"}));
  EXPECT_FALSE(track->good({.status = 200, .body = R"([{"timestamp":"1"}])"}));
  EXPECT_FALSE(get_last({}, 0)->good({.status = 200, .body = R"({"data":[]})"}));
}

TEST(BenchRequests, a_token_goes_with_each) {
  const Target target{.bearer = "secret"};
  std::string request;
  post_locations(target, {})->render(request, 0);
  EXPECT_NE(request.find("\r\nAuthorization: Bearer secret\r\n"), std::string::npos);
  EXPECT_NE(get_text(target, "/").find("\r\nAuthorization: Bearer secret\r\n"), std::string::npos);
}

TEST(BenchRequests, a_url_is_plain_http_with_a_host) {
  const auto target = target_of("http://10.0.0.1:5000/", "token");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host, "10.0.0.1");
  EXPECT_EQ(target->port, "5000");
  EXPECT_EQ(target->bearer, "token");
  EXPECT_EQ(target_of("http://waybill", {})->port, "80");
  EXPECT_EQ(target_of("http://[::1]:5000", {})->host, "::1");
  for (const char* bad : {"", "https://x:1", "http://", "http://:5000", "http://x:", "http://x:http", "http://x:123456",
                          "http://x/path", "http://u@x", "x:5000"})
    EXPECT_EQ(target_of(bad, {}).error().code, Code::invalid) << bad;
}

}  // namespace
}  // namespace waybill::app::bench
