// The small pure parts of simulate, replay and their client.
#include <gtest/gtest.h>

#include "app/batch_answer.h"
#include "app/http_client.h"
#include "app/replay.h"
#include "app/simulate.h"

namespace waybill::app {
namespace {

using std::chrono::milliseconds;

TEST(HttpClient, each_status_has_its_verdict) {
  EXPECT_EQ(verdict_of(200), Verdict::taken);
  EXPECT_EQ(verdict_of(202), Verdict::taken);
  for (const int status : {408, 429, 500, 502, 503}) EXPECT_EQ(verdict_of(status), Verdict::retry) << status;
  for (const int status : {400, 413, 422}) EXPECT_EQ(verdict_of(status), Verdict::refused) << status;
  for (const int status : {301, 401, 403, 404, 405}) EXPECT_EQ(verdict_of(status), Verdict::barred) << status;
}

TEST(HttpClient, waits_longer_each_time_and_as_the_server_says) {
  EXPECT_EQ(retry_wait(1, nullptr), milliseconds(100));
  EXPECT_EQ(retry_wait(4, nullptr), milliseconds(800));
  EXPECT_EQ(retry_wait(1'000'000, nullptr), retry_wait_max);
  HttpAnswer answer{.status = 503, .headers = {{"retry-after", "2"}}, .body = {}};
  EXPECT_EQ(retry_wait(1, &answer), milliseconds(2'000));
  answer.headers["retry-after"] = "4000000000";
  EXPECT_EQ(retry_wait(1, &answer), retry_wait_max);
  answer.headers["retry-after"] = "Wed, 21 Oct 2015 07:28:00 GMT";
  EXPECT_EQ(retry_wait(2, &answer), milliseconds(200));
}

TEST(HttpClient, an_address_without_a_scheme_is_invalid_and_a_closed_port_unavailable) {
  EXPECT_EQ(open_http_client({.url = "127.0.0.1:5000"}).error().code, Code::invalid);
  const auto client = open_http_client({.url = "http://127.0.0.1:1"});
  ASSERT_TRUE(client);
  EXPECT_EQ((*client)->get({.path = "/", .body = {}, .headers = {}}).error().code, Code::unavailable);
}

TEST(BatchAnswer, tells_what_failed_and_where_the_last_one_went) {
  const auto answer = read_batch_answer(
      R"({"accepted":2,"failed":1,"first":"1-0-5","last":"1-0-7","failures":[{"item":1,"field":"latitude","reason":"beyond 90"}]})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->last_position, "1-0-7");
  ASSERT_EQ(answer->failures.size(), 1u);
  EXPECT_EQ(answer->failures[0].item, 1u);
  EXPECT_EQ(answer->failures[0].field, "latitude");
  EXPECT_FALSE(read_batch_answer("<html>"));
  EXPECT_FALSE(read_batch_answer("[]"));
}

TEST(Simulate, reads_durations) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("90"), Duration(90s));
  EXPECT_EQ(parse_duration("5m"), Duration(5min));
  EXPECT_EQ(parse_duration("1h30m"), Duration(90min));
  EXPECT_EQ(parse_duration("2d"), Duration(48h));
  for (const char* text : {"", "m", "-5", "5x", "1h-3m", "99999999999"}) EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Simulate, refuses_options_that_make_no_sense) {
  const auto refused = [](auto change) {
    SimulateOptions options{.url = "http://127.0.0.1:1"};
    change(options);
    const auto result = run_simulate(options, system_clock(), {});
    return !result && result.error().code == Code::invalid;
  };
  EXPECT_TRUE(refused([](SimulateOptions& options) { options.couriers = 0; }));
  EXPECT_TRUE(refused([](SimulateOptions& options) { options.rate = 0; }));
  EXPECT_TRUE(refused([](SimulateOptions& options) { options.faults.repeats = 1.5; }));
  EXPECT_TRUE(refused([](SimulateOptions& options) { options.batch = 0; }));
  EXPECT_TRUE(refused([](SimulateOptions& options) { options.url = "nowhere"; }));
}

TEST(Replay, reads_speed_and_columns) {
  EXPECT_EQ(parse_speed("max"), speed_max);
  EXPECT_EQ(parse_speed("1"), 1.0);
  EXPECT_EQ(parse_speed("2.5"), 2.5);
  for (const char* text : {"", "0.5", "-1", "fast", "1x", "inf", "nan"}) EXPECT_FALSE(parse_speed(text)) << text;
  EXPECT_EQ(parse_columns("latitude=lat,longitude=lng").value(),
            (std::map<std::string, std::string>{{"latitude", "lat"}, {"longitude", "lng"}}));
  for (const char* text : {"latitude", "=lat", "latitude=", "latitude=a,latitude=b"})
    EXPECT_FALSE(parse_columns(text)) << text;
}

}  // namespace
}  // namespace waybill::app
