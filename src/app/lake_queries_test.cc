#include "app/lake_queries.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "app/wiring.h"
#include "lake/bronze_rows.h"
#include "lake/catalog.h"
#include "lake/layout.h"
#include "lake/local/local_objects.h"

namespace waybill::app {
namespace {

class LakeQueriesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "waybill-queries-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    config_.data = pattern;
    folder_.path = pattern;
  }
  void TearDown() override { ASSERT_TRUE(remove_with_content(system_files(), config_.data)); }

  // A lake with a location in raw.deliverer_location and a row in final.fact.
  void make_lake() {
    const auto objects = lake::open_local_objects({.folder = folder_.lake()}, system_files());
    ASSERT_TRUE(objects) << objects.error().message;
    lake::LocationRows rows;
    Location location;
    location.deliverer = DelivererId("7", true);
    location.latitude = 41.15;
    location.fix_time = location.received_at = at_us(1'705'309'200'000'000);
    rows.add({.epoch = 1, .partition = 0, .offset = 0}, location);
    const std::string raw = lake::bronze_key(lake::BronzeTable::deliverer_location,
                                             lake::ingest_hour(location.received_at), {1, 0, 0}, 1, 0);
    ASSERT_TRUE((*objects)->put(raw, as_bytes(*rows.to_parquet()), lake::IfThere::conflict));
    const auto engine = open_engine_of(config_, folder_, 1);
    ASSERT_TRUE(engine) << engine.error().message;
    const std::string made = join_path(config_.data, "made.parquet");
    ASSERT_TRUE((*engine)->query_into("SELECT 42 AS deliveries", made, {}));
    const std::string final_key = "final/fact/one.parquet";
    ASSERT_TRUE((*objects)->put_file(final_key, made, lake::IfThere::conflict));
    const auto catalog = lake::open_catalog(**objects, system_clock());
    ASSERT_TRUE(catalog) << catalog.error().message;
    lake::Change change{.role = "test", .claim = *(*catalog)->claim("test"), .what = "test"};
    change.add = {{.key = raw, .table = "raw.deliverer_location"}, {.key = final_key, .table = "final.fact"}};
    const auto committed = (*catalog)->commit(change);
    ASSERT_TRUE(committed) << committed.error().message;
  }

  Result<std::string> ask(Role role, const std::string& sql, serve::AnswerForm form = serve::AnswerForm::csv) {
    return queries_.ask({.role = role, .subject = "ann", .credential = {}}, sql, form);
  }
  Error refusal(Role role, const std::string& sql) {
    auto answer = ask(role, sql);
    EXPECT_FALSE(answer) << sql << ": " << *answer;
    return answer ? Error{} : answer.error();
  }

  Config config_;
  DataFolder folder_;
  const std::unique_ptr<lake::Copies> copies_ = lake::no_copies();
  LakeQueries queries_{config_, folder_, *copies_};
};

TEST_F(LakeQueriesTest, without_a_lake_it_says_so) {
  EXPECT_EQ(refusal(Role::admin, "SELECT 1").code, Code::not_found);
}

TEST_F(LakeQueriesTest, the_tables_of_every_zone_are_asked_by_name) {
  make_lake();
  EXPECT_EQ(ask(Role::op, "SELECT deliverer_id, latitude, fix_at FROM raw.deliverer_location"),
            "deliverer_id,latitude,fix_at\r\n7,41.15,2024-01-15 09:00:00\r\n");
  EXPECT_EQ(ask(Role::op, "SELECT l.deliverer_id, deliveries FROM raw.deliverer_location l, FINAL.fact"),
            "deliverer_id,deliveries\r\n7,42\r\n");
  EXPECT_EQ(ask(Role::admin, "SELECT count(*) AS n FROM raw.quarantine", serve::AnswerForm::json),
            R"({"columns":[{"name":"n","type":"BIGINT"}],"rows":[[0]],"cut":false})");
  EXPECT_EQ(ask(Role::op, "SELECT name FROM (SHOW ALL TABLES) ORDER BY name"),
            "name\r\ndeliverer_location\r\nfact\r\norder_command\r\nquarantine\r\n");
}

TEST_F(LakeQueriesTest, a_role_reads_what_it_is_granted_and_no_way_around_it) {
  make_lake();
  EXPECT_EQ(ask(Role::analyst, "SELECT deliveries FROM final.fact"), "deliveries\r\n42\r\n");
  for (const char* sql :
       {"SELECT * FROM raw.deliverer_location", "SELECT (SELECT count(*) FROM RAW.Deliverer_Location) FROM final.fact",
        "WITH deliverer_location AS (SELECT 1) SELECT * FROM raw.deliverer_location",
        "DESCRIBE raw.deliverer_location"}) {
    const Error error = refusal(Role::analyst, sql);
    EXPECT_EQ(error.code, Code::denied) << sql;
    EXPECT_NE(error.message.find("raw.deliverer_location"), std::string::npos) << error.message;
  }
  const std::string file = join_path(folder_.lake(), lake::bronze_folder(lake::BronzeTable::deliverer_location));
  EXPECT_EQ(refusal(Role::analyst, "FROM read_parquet('" + file + "**/*.parquet')").code, Code::denied);
  EXPECT_EQ(refusal(Role::analyst, "FROM query('FROM raw.deliverer_location')").code, Code::invalid);
  EXPECT_EQ(refusal(Role::analyst, "EXPLAIN ANALYZE SELECT * FROM raw.deliverer_location").code, Code::invalid);
  EXPECT_EQ(refusal(Role::analyst, "COPY final.fact TO '" + file + "x.csv'").code, Code::denied);
  EXPECT_EQ(ask(Role::analyst, "SELECT name FROM (SHOW ALL TABLES)"), "name\r\nfact\r\n");
}

TEST_F(LakeQueriesTest, an_answer_over_the_limit_is_cut_and_a_question_over_its_time_is_stopped) {
  make_lake();
  config_.query_rows_max = 2;
  EXPECT_EQ(ask(Role::op, "SELECT range AS a FROM range(3)", serve::AnswerForm::json),
            R"({"columns":[{"name":"a","type":"BIGINT"}],"rows":[[0],[1]],"cut":true})");
  config_.query_seconds_max = 1;
  EXPECT_EQ(
      refusal(Role::op, "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 3").code,
      Code::overloaded);
}

TEST_F(LakeQueriesTest, more_than_are_allowed_at_once_are_refused) {
  make_lake();
  config_.query_at_once_max = 0;
  const Error error = refusal(Role::op, "SELECT 1");
  EXPECT_EQ(error.code, Code::overloaded);
  EXPECT_NE(error.message.find("query.at_once_max"), std::string::npos);
}

TEST_F(LakeQueriesTest, stopped_it_answers_nothing_more) {
  make_lake();
  queries_.stop();
  EXPECT_EQ(
      refusal(Role::op, "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 3").code,
      Code::overloaded);
}

TEST_F(LakeQueriesTest, an_answer_goes_into_a_parquet_file) {
  make_lake();
  const std::string out = join_path(config_.data, "out.parquet");
  const auto rows = ask_lake_into(config_, folder_, *copies_, {.sql = "SELECT deliveries FROM final.fact"}, out);
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(*rows, 1U);
  EXPECT_TRUE(system_files().info(out));
  const std::string broken = join_path(config_.data, "broken.parquet");
  EXPECT_FALSE(
      ask_lake_into(config_, folder_, *copies_, {.sql = "SELECT 'x'::INTEGER + deliveries FROM final.fact"}, broken));
  EXPECT_FALSE(system_files().info(broken));
}

}  // namespace
}  // namespace waybill::app
