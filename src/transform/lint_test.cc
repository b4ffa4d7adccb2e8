#include "transform/lint.h"

#include <gtest/gtest.h>

#include "transform/duckdb_engine.h"

namespace waybill::transform {
namespace {

std::string refusal(const std::string& sql) {
  const auto engine = *open_duckdb_engine({.threads = 1});
  const auto tables = lint(*engine, {.name = "treated.x", .sql = sql});
  return tables ? "" : tables.error().message;
}

TEST(Lint, refuses_by_name_what_engines_do_not_agree_on) {
  const std::map<std::string, std::string> refused = {
      {"SELECT a FROM raw.t QUALIFY ROW_NUMBER() OVER (ORDER BY a NULLS LAST) = 1", "QUALIFY"},
      {"SELECT DISTINCT ON (a) a FROM raw.t", "DISTINCT ON"},
      {"SELECT * FROM raw.t", "SELECT *"},
      {"SELECT list(a ORDER BY b) FROM raw.t", "list()"},
      {"SELECT date_diff('day', a, b) FROM raw.t", "date_diff()"},
      {"SELECT time_bucket(INTERVAL 1 HOUR, a) FROM raw.t", "time_bucket()"},
      {"SELECT hash(a) FROM raw.t", "hash()"},
      {"SELECT any_value(a) FROM raw.t", "any_value()"},
      {"SELECT first(a) FROM raw.t", "first()"},
      {"SELECT quantile_cont(a, 0.5) FROM raw.t", "quantile_cont()"},
      {"SELECT n FROM range(3) AS t(n)", "a table function"},
      {"SELECT LAG(a) OVER (ORDER BY b) FROM raw.t", "NULLS FIRST or NULLS LAST"},
      {"SELECT LAG(a) OVER (PARTITION BY b) FROM raw.t", "lag() without ORDER BY"},
      {"SELECT CAST(1.5 AS INT) FROM raw.t", "CAST of a fraction"},
      {"SELECT a FROM t", "the table t without its schema"},
      {"SELECT a FROM raw.t LIMIT 1", "LIMIT"},
      {"SELECT TRUNC(a) FROM raw.t", "trunc()"},
      {"SELECT a + to_days(TRUNC(b)) FROM raw.t", "trunc()"},
  };
  for (const auto& [sql, what] : refused) EXPECT_NE(refusal(sql).find(what), std::string::npos) << sql << refusal(sql);
  EXPECT_EQ(refusal("SELECT a FROM raw.t QUALIFY 1 = 1").substr(0, 9), "treated.x");
}

TEST(Lint, says_what_is_read_and_lets_the_subset_pass) {
  const auto engine = *open_duckdb_engine({.threads = 1});
  const auto tables =
      lint(*engine, {.name = "treated.x",
                     .sql = "WITH own AS (SELECT a, SUM(b) AS b FROM raw.t GROUP BY a) SELECT o.a, ROW_NUMBER() OVER "
                            "(ORDER BY o.a NULLS LAST) AS n, CAST(o.a + INTERVAL '1' DAY AS DATE) AS next FROM own AS "
                            "o JOIN final.z AS z ON z.a = o.a"});
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(*tables, (std::set<std::string>{"final.z", "raw.t"}));
}

TEST(Arrange, what_touches_dates_reads_the_changed_rows_and_what_the_model_reads) {
  const auto engine = *open_duckdb_engine({.threads = 1});
  Model model{.name = "treated.x", .sql = "SELECT a FROM raw.t"};
  const auto refusal_of = [&](const std::string& input, const std::string& sql) {
    model.touches = {{input, sql}};
    const auto graph = arrange(*engine, {model}, {"raw.t", "raw.u"});
    return graph ? "" : graph.error().message;
  };
  EXPECT_EQ(refusal_of("raw.t", "SELECT c.a FROM changed.t AS c JOIN raw.t AS t ON c.a = t.a"), "");
  EXPECT_EQ(refusal_of("raw.u", "SELECT a FROM changed.u"), "treated.x: touches: raw.u: is not read by the model");
  EXPECT_NE(refusal_of("raw.t", "SELECT a FROM raw.u").find("reads raw.u, which the model does not read"),
            std::string::npos);
  EXPECT_NE(refusal_of("raw.t", "SELECT * FROM changed.t").find("name the columns"), std::string::npos);
}

TEST(Arrange, a_test_reads_what_is_there_when_it_runs) {
  const auto engine = *open_duckdb_engine({.threads = 1});
  const auto refusal_of = [&](const std::string& sql) {
    const auto graph =
        arrange(*engine, {{.name = "treated.x", .sql = "SELECT a FROM raw.t", .tests = {{.name = "own", .sql = sql}}}},
                {"raw.t", "raw.u"});
    return graph ? "" : graph.error().message;
  };
  EXPECT_EQ(refusal_of("SELECT 1 FROM treated.x AS x JOIN raw.t AS t ON x.a = t.a"), "");
  EXPECT_EQ(refusal_of("SELECT 1 FROM raw.u"), "treated.x: test own: reads raw.u, which the model does not read");
  EXPECT_NE(refusal_of("SELECT 1 FROM read_text('/etc/passwd')").find("a table function"), std::string::npos);
}

TEST(Arrange, refuses_rings_and_tables_that_nobody_makes) {
  const auto engine = *open_duckdb_engine({.threads = 1});
  const Model one{.name = "treated.one", .sql = "SELECT a FROM treated.two"};
  const Model two{.name = "treated.two", .sql = "SELECT a FROM treated.one"};
  EXPECT_EQ(arrange(*engine, {one}, {}).error().message, "treated.one: reads treated.two, which nobody makes");
  EXPECT_NE(arrange(*engine, {one, two}, {}).error().message.find("in a ring"), std::string::npos);
  const auto graph = arrange(*engine, {one, {.name = "treated.two", .sql = "SELECT a FROM raw.t"}}, {"raw.t"});
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->models.front().name, "treated.two");
}

}  // namespace
}  // namespace waybill::transform
