#include "app/status_view.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace waybill::app {
namespace {

constexpr std::string_view first_scrape = R"(waybill_build_info{version="1.2.3"} 1
waybill_ready 1
process_start_time_seconds 1000
process_resident_memory_bytes 52428800
process_open_fds 40
process_max_fds 65536
waybill_ingest_accepted_total{kind="location"} 1000
waybill_ingest_accepted_total{kind="order"} 10
waybill_ingest_accepted_total{kind="quarantined"} 2
waybill_ingest_rejected_total 3
waybill_ingest_undecodable_total 0
waybill_http_requests_total{route="POST /v1/locations",status="200"} 100
waybill_http_requests_total{route="POST /v1/locations",status="503"} 4
waybill_http_request_seconds_bucket{route="a",le="0.001"} 90
waybill_http_request_seconds_bucket{route="a",le="0.01"} 100
waybill_http_request_seconds_bucket{route="a",le="+Inf"} 100
waybill_http_connections 12
waybill_journal_begin_offset 100
waybill_journal_durable_offset 1234567
waybill_journal_disk_bytes 134217728
waybill_store_visible_offset 1234560
waybill_store_durable_offset 1230000
waybill_lake_bronze_end_offset 1234000
waybill_lake_failures_total 0
waybill_transform_lag_rows 1500
waybill_transform_failures_total 2
waybill_transform_last_success_timestamp_seconds 94500
waybill_disk_free_bytes 10737418240
waybill_disk_size_bytes 21474836480
)";

std::chrono::steady_clock::time_point at(int second) {
  return std::chrono::steady_clock::time_point(std::chrono::seconds(second));
}

Scrape scrape(std::string text, int second) {
  auto metrics = MetricsText::parse(text);
  EXPECT_TRUE(metrics) << metrics.error().message;
  return {.metrics = std::move(*metrics), .at = at(second)};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

Status sample() {
  const Scrape before = scrape(std::string(first_scrape), 0);
  const Scrape now =
      scrape(replaced(std::string(first_scrape), "kind=\"location\"} 1000", "kind=\"location\"} 1120"), 10);
  Status status = status_of(now, &before, at_us(int64_t{94'600} * 1'000'000));
  status.where = "http://127.0.0.1:5000";
  return status;
}

TEST(StatusView, takes_rates_from_two_readings_and_the_rest_from_the_newest) {
  const Status status = sample();
  EXPECT_EQ(status.state, State::ready);
  EXPECT_DOUBLE_EQ(*status.locations.per_second, 12);
  EXPECT_DOUBLE_EQ(*status.locations.total, 1120);
  EXPECT_DOUBLE_EQ(*status.server_errors.total, 4);
  EXPECT_DOUBLE_EQ(*status.server_errors.per_second, 0);
  EXPECT_FALSE(status.request.p50_s) << "no request in the window";
  EXPECT_TRUE(status.request.all_p50_s);
  EXPECT_DOUBLE_EQ(*status.uptime_s, 93'600);
  EXPECT_FALSE(status.sync.all_p99_s) << "not in the metrics: not known, not zero";
}

TEST(StatusView, has_no_rates_after_one_reading) {
  const Status status = status_of(scrape(std::string(first_scrape), 0), nullptr, at_us(0));
  EXPECT_FALSE(status.locations.per_second);
  EXPECT_FALSE(status.server_errors.per_second);
}

TEST(StatusView, shows_what_an_operator_asks_first) {
  std::string text;
  for (const std::string& line : layout(sample())) text += line + '\n';
  EXPECT_EQ(text, R"(waybill 1.2.3  ready  for 1 d 2 h  http://127.0.0.1:5000

                   last 10 s                   since it started
locations          12.0/s                      1,120
  order commands   0.0/s                       10
  quarantined      0.0/s                       2
  rejected         0.0/s                       3
  undecodable      0.0/s                       0
requests           0.0/s                       104
  answered 5xx     0.0/s                       4
  time             -                           p50 556 us  p99 9.1 ms
received-visible   -                           -
fix-visible        -                           -
journal sync       -                           -

journal            [100, 1,234,567)  128 MiB on disk
store visible      1,234,560 (7 behind)
store durable      1,230,000 (4,567 behind)
lake raw           1,234,000 (567 behind)
lake treated       1,500 rows behind; up to date 1 min 40 s ago; failed 2 times
disk               10.0 GiB free of 20.0 GiB (50 %)
memory             50.0 MiB resident
connections        12; 40 of 65,536 files open
)");
}

TEST(StatusView, shows_whether_phones_are_heard_where_they_are_listened_to) {
  const std::string messages =
      "waybill_mqtt_messages_total{form=\"waybill\",outcome=\"kept\"} 7\n"
      "waybill_mqtt_messages_total{form=\"none\",outcome=\"quarantined\"} 1\n";
  for (const auto& [working, said] :
       {std::pair("1", "phones over MQTT   heard"), std::pair("0", "phones over MQTT   NOT HEARD; the log says why")}) {
    const Status status = status_of(scrape(messages + "waybill_mqtt_working " + working + "\n", 0), nullptr, at_us(0));
    const auto lines = layout(status);
    EXPECT_NE(std::ranges::find(lines, said), lines.end()) << working;
    EXPECT_NE(std::ranges::find(lines, "over MQTT          -                           8"), lines.end());
    EXPECT_NE(status_json(status).find(R"("mqtt_working":)" + std::string(working)), std::string::npos);
  }
  EXPECT_NE(status_json(sample()).find(R"("mqtt_working":null)"), std::string::npos);
}

TEST(StatusView, fits_into_80_columns_whatever_the_numbers_are) {
  Status status = sample();
  status.state = State::not_ready;
  status.where = std::string(200, 'x');
  status.reasons = {std::string(300, 'y'),
                    "journal: full: " + std::string(60, 'w') + " and more that is wrapped \x1b[2J"};
  for (auto* value :
       {&status.journal_begin, &status.journal_end, &status.journal_bytes, &status.store_visible, &status.store_durable,
        &status.disk_free_bytes, &status.disk_size_bytes, &status.resident_bytes, &status.connections,
        &status.open_files, &status.open_files_max, &status.uptime_s, &status.lake_end, &status.lake_failures,
        &status.not_treated, &status.transform_failures, &status.treated_age_s})
    *value = 18'446'744'073'709'551'615.0;
  for (Flow* flow : {&status.locations, &status.rejected}) *flow = {.per_second = 1e18, .total = 1.8e19};
  status.request = {.p50_s = 1e9, .p99_s = 1e9, .all_p50_s = 1e9, .all_p99_s = 1e9};
  for (const std::string& line : layout(status)) {
    EXPECT_LE(line.size(), status_columns) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << "what others wrote does not steer the terminal";
  }
}

TEST(StatusView, a_stopped_folder_shows_what_it_holds_and_nothing_of_a_process) {
  Status status;
  status.where = "./data";
  status.version = "1.2.3";
  status.journal_begin = 0;
  status.journal_end = 500;
  status.journal_bytes = 1024;
  status.store_visible = status.store_durable = 400;
  status.kept = 390;
  status.repeats = 8;
  status.quarantined.total = 2;
  std::string text;
  for (const std::string& line : layout(status)) text += line + '\n';
  EXPECT_EQ(text, R"(waybill 1.2.3  stopped  ./data

journal            [0, 500)  1.0 KiB on disk
store visible      400 (100 behind)
store durable      400 (100 behind)
records            390 stored, 8 repeats, 2 quarantined
disk               - free of -
)");
}

TEST(StatusView, its_json_says_null_for_what_is_not_known) {
  const std::string json = status_json(sample());
  EXPECT_NE(json.find(R"("state":"ready")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("locations":{"per_second":12,"total":1120})"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("stored":null)"), std::string::npos) << json;
}

TEST(StatusView, a_frame_takes_the_place_of_the_one_before) {
  EXPECT_EQ(frame({"a", "b"}, 0), "a\x1b[K\nb\x1b[K\n\x1b[J");
  EXPECT_EQ(frame({"a"}, 2), "\x1b[2A\ra\x1b[K\n\x1b[J");
}

}  // namespace
}  // namespace waybill::app
