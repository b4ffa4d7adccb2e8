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
  };
  for (const auto& [sql, what] : refused) EXPECT_NE(refusal(sql).find(what), std::string::npos) << sql << refusal(sql);
  EXPECT_EQ(refusal("SELECT a FROM raw.t QUALIFY 1 = 1").substr(0, 9), "treated.x");
}

TEST(Lint, says_what_is_read_and_lets_the_subset_pass) {
  const auto engine = *open_duckdb_engine({.threads = 1});
  const auto tables =
      lint(*engine, {.name = "treated.x",
                     .sql = "WITH own AS (SELECT a, SUM(b) AS b FROM raw.t GROUP BY a) SELECT o.a, ROW_NUMBER() OVER "
                            "(ORDER BY o.a NULLS LAST) AS n FROM own AS o JOIN final.z AS z ON z.a = o.a"});
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(*tables, (std::set<std::string>{"final.z", "raw.t"}));
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
