#include "transform/duckdb_engine.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"

namespace waybill::transform {
namespace {

using Row = std::vector<Cell>;

class DuckdbEngine : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "waybill-engine-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    reopen({.memory_mib_max = 256, .threads = 2, .spill_folder = path("spill")});
  }
  void TearDown() override {
    engine_.reset();
    ASSERT_TRUE(remove_with_content(system_files(), folder_));
  }

  void reopen(const DuckdbOptions& options) {
    auto opened = open_duckdb_engine(options);
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = std::move(*opened);
  }
  std::string path(const std::string& name) const { return join_path(folder_, name); }

  std::string file(const std::string& name, const std::string& select) {
    const auto done = engine_->query_into(select, path(name), {});
    EXPECT_TRUE(done) << done.error().message;
    return path(name);
  }
  Answer ask(const std::string& sql, const Limits& limits = {}) {
    auto answer = engine_->query(sql, limits);
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message;
    return answer.value_or(Answer{});
  }
  Error refusal(const std::string& sql, const Limits& limits = {}) {
    auto answer = engine_->query(sql, limits);
    EXPECT_FALSE(answer) << sql;
    return answer ? Error{} : answer.error();
  }
  void name(const NamedTable& table) {
    auto done = engine_->name_table(table);
    ASSERT_TRUE(done) << done.error().message;
  }
  void lock(const std::vector<std::string>& may_write = {}) {
    auto done = engine_->lock(may_write);
    ASSERT_TRUE(done) << done.error().message;
  }

  std::string folder_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(DuckdbEngine, a_table_is_what_its_files_have_and_what_follows_from_it) {
  const std::string one = file("one.parquet", "SELECT 1 AS a, 'x' AS b");
  const std::string two = file("two.parquet", "SELECT 2 AS a, 'y' AS b, 2.5::DOUBLE AS later");
  name({.name = "raw.t", .files = {one, two}, .besides = {"a * 10 AS tenfold"}});
  const Answer answer = ask("SELECT * FROM raw.t ORDER BY a");
  EXPECT_EQ(answer.columns,
            (std::vector<Column>{{"a", "INTEGER"}, {"b", "VARCHAR"}, {"later", "DOUBLE"}, {"tenfold", "INTEGER"}}));
  EXPECT_EQ(answer.rows, (std::vector<Row>{{"1", "x", std::nullopt, "10"}, {"2", "y", "2.5", "20"}}));
  EXPECT_FALSE(answer.cut);
}

TEST_F(DuckdbEngine, a_name_stands_for_the_files_that_it_was_given_last) {
  name({.name = "raw.t", .files = {file("one.parquet", "SELECT 1 AS a")}});
  name({.name = "raw.t", .files = {file("two.parquet", "SELECT 2 AS a, 3 AS b")}});
  EXPECT_EQ(ask("SELECT * FROM raw.t").rows, (std::vector<Row>{{"2", "3"}}));
}

TEST_F(DuckdbEngine, the_folders_of_a_file_are_no_columns_of_it) {
  ASSERT_TRUE(system_files().make_folder(path("date=2026-11-29")));
  name({.name = "raw.t", .files = {file("date=2026-11-29/one.parquet", "SELECT 1 AS a")}});
  EXPECT_EQ(ask("SELECT * FROM raw.t").columns.size(), 1U);
}

TEST_F(DuckdbEngine, a_table_without_files_has_its_columns_and_no_rows) {
  name({.name = "raw.t", .columns = {{"a b", "BIGINT"}, {"c", "DECIMAL(9,2)"}}, .besides = {"c + 1 AS d"}});
  const Answer answer = ask("SELECT * FROM raw.t");
  EXPECT_EQ(answer.columns, (std::vector<Column>{{"a b", "BIGINT"}, {"c", "DECIMAL(9,2)"}, {"d", "DECIMAL(13,2)"}}));
  EXPECT_TRUE(answer.rows.empty());
}

TEST_F(DuckdbEngine, a_file_whose_name_has_quotes_is_read) {
  name({.name = "raw.o'\"r", .files = {file("o'n\"e.parquet", "SELECT 1 AS a")}});
  EXPECT_EQ(ask("SELECT * FROM raw.\"o'\"\"r\"").rows, (std::vector<Row>{{"1"}}));
}

TEST_F(DuckdbEngine, every_type_comes_out_as_text) {
  const Answer answer =
      ask("SELECT NULL, TIMESTAMPTZ '2026-11-29 01:02:03.000004+00', '\\x00a'::BLOB, 1.50::DECIMAL(18,3), "
          "170141183460469231731687303715884105727::HUGEINT, [1, NULL], {'a': 1, 'b': ['x']}, MAP {'k': 2}, true, "
          "DATE '2026-11-29', TIMESTAMP '2026-11-29 01:02:03', 'NaN'::DOUBLE, '', INTERVAL 1 DAY");
  EXPECT_EQ(answer.rows,
            (std::vector<Row>{{std::nullopt, "2026-11-29 01:02:03.000004+00", "\\x00a", "1.500",
                               "170141183460469231731687303715884105727", "[1, NULL]", "{'a': 1, 'b': [x]}", "{k=2}",
                               "true", "2026-11-29", "2026-11-29 01:02:03", "nan", "", "1 day"}}));
  EXPECT_EQ(answer.columns[1].type, "TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(answer.columns[3].type, "DECIMAL(18,3)");
  EXPECT_EQ(answer.columns[6].type, "STRUCT(a INTEGER, b VARCHAR[])");
}

TEST_F(DuckdbEngine, columns_keep_the_names_that_they_have_in_the_statement) {
  const Answer answer = ask("SELECT 1 AS a, 2 AS a, 3 AS \"x y\" -- said twice\n;");
  EXPECT_EQ(answer.rows, (std::vector<Row>{{"1", "2", "3"}}));
  EXPECT_EQ(answer.columns, (std::vector<Column>{{"a", "INTEGER"}, {"a", "INTEGER"}, {"x y", "INTEGER"}}));
}

TEST_F(DuckdbEngine, rows_come_in_the_order_that_was_asked_for) {
  const Answer answer = ask("SELECT (i * 7919) % 500009 AS x FROM range(500009) t(i) ORDER BY x DESC");
  ASSERT_EQ(answer.rows.size(), 500009U);
  for (size_t i = 0; i < answer.rows.size(); ++i) ASSERT_EQ(answer.rows[i][0], std::to_string(500008 - i));
}

TEST_F(DuckdbEngine, rows_over_a_limit_are_cut_off_and_it_says_so) {
  EXPECT_TRUE(ask("FROM range(10)", {.rows_max = 9}).cut);
  EXPECT_EQ(ask("FROM range(10)", {.rows_max = 9}).rows.size(), 9U);
  EXPECT_FALSE(ask("FROM range(10)", {.rows_max = 10}).cut);
  // Taken from the front: the rest is never made.
  EXPECT_EQ(ask("FROM range(1000000000000)", {.rows_max = 3}).rows.size(), 3U);
  const Answer bytes = ask("SELECT repeat('x', 100) FROM range(1000)", {.bytes_max = 1000});
  EXPECT_TRUE(bytes.cut);
  EXPECT_EQ(bytes.rows.size(), 11U);
}

TEST_F(DuckdbEngine, tables_and_plans_can_be_asked_for) {
  name({.name = "raw.t", .columns = {{"a", "BIGINT"}}});
  lock();
  EXPECT_EQ(ask("DESCRIBE raw.t").rows.at(0).at(1), "BIGINT");
  EXPECT_EQ(ask("SHOW ALL TABLES").rows.at(0).at(2), "t");
  EXPECT_EQ(ask("SUMMARIZE raw.t").rows.size(), 1U);
  EXPECT_EQ(ask("EXPLAIN SELECT * FROM raw.t").rows.size(), 1U);
  EXPECT_EQ(ask("explain Analyze SELECT * FROM raw.t").rows.size(), 1U);
  EXPECT_EQ(ask("WITH x AS (SELECT 1) FROM x").rows.size(), 1U);
}

TEST_F(DuckdbEngine, what_makes_no_sense_is_refused_in_the_engines_words) {
  EXPECT_EQ(refusal("SELEC 1").code, Code::invalid);
  EXPECT_NE(refusal("SELECT nothing FROM range(1)").message.find("\"nothing\" not found"), std::string::npos);
  EXPECT_EQ(refusal("SELECT 'x'::INTEGER").code, Code::invalid);
  EXPECT_EQ(refusal("SELECT 1; SELECT 2").code, Code::invalid);
  EXPECT_EQ(refusal("").code, Code::invalid);
  EXPECT_EQ(refusal("-- nothing").code, Code::invalid);
}

TEST_F(DuckdbEngine, statements_run_one_after_another) {
  ASSERT_TRUE(engine_->run("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2)", {}));
  EXPECT_EQ(ask("SELECT sum(a) FROM t").rows, (std::vector<Row>{{"3"}}));
  const auto failed = engine_->run("INSERT INTO t VALUES ('x')", {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::invalid);
}

TEST_F(DuckdbEngine, the_syntax_of_a_select_names_its_tables) {
  const auto json = engine_->syntax("WITH c AS (SELECT 1) SELECT * FROM raw.t JOIN c ON true");
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_NE(json->find(R"("schema_name":"raw","table_name":"t")"), std::string::npos) << *json;
  EXPECT_EQ(engine_->syntax("CREATE TABLE t (a INTEGER)").error().code, Code::invalid);
  EXPECT_EQ(engine_->syntax("SELEC").error().code, Code::invalid);
}

TEST_F(DuckdbEngine, locked_it_reads_the_files_of_its_tables_and_no_others) {
  const std::string other = file("other.parquet", "SELECT 1 AS secret");
  const std::string mine = file("mine.parquet", "SELECT 2 AS a");
  name({.name = "raw.t", .files = {mine}});
  ASSERT_EQ(::symlink("/etc/passwd", path("link").c_str()), 0);
  lock();
  EXPECT_EQ(ask("SELECT * FROM raw.t").rows, (std::vector<Row>{{"2"}}));
  EXPECT_EQ(ask("FROM read_parquet('" + mine + "')").rows.size(), 1U);
  for (const char* from :
       {"read_csv('/etc/passwd')", "read_text('/etc/passwd')", "read_blob('/etc/passwd')", "glob('/etc/*')",
        "read_text('../../../../../../../etc/passwd')", "read_json('/etc/passwd')", "glob('*')"})
    EXPECT_EQ(refusal(std::string("SELECT * FROM ") + from).code, Code::denied) << from;
  EXPECT_EQ(refusal("SELECT * FROM '/etc/passwd'").code, Code::invalid);  // no table of that name
  for (const std::string& from : {other, path("link"), mine + "/../other.parquet", folder_ + "/*.parquet",
                                  "file://" + other, mine + "/../../../../../etc/passwd"})
    for (const char* function : {"read_text", "read_parquet", "read_csv"})
      EXPECT_EQ(refusal(std::string("FROM ") + function + "('" + from + "')").code, Code::denied) << function << from;
}

TEST_F(DuckdbEngine, locked_nothing_can_be_written_attached_loaded_or_set) {
  const std::string mine = file("mine.parquet", "SELECT 2 AS a");
  name({.name = "raw.t", .files = {mine}});
  lock();
  for (const std::string& statement : std::vector<std::string>{
           "COPY (SELECT 1) TO '" + path("out.csv") + "'",
           "COPY (SELECT 1) TO '" + mine + "'",
           "EXPLAIN ANALYZE COPY (SELECT 1) TO '" + mine + "'",
           "EXPLAIN/**/ANALYZE COPY (SELECT 1) TO '" + mine + "'",
           "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '" + mine + "'",
           "EXPORT DATABASE '" + path("out") + "'",
           "ATTACH '" + path("x.db") + "'",
           "ATTACH ':memory:' AS other",
           "INSTALL httpfs",
           "LOAD httpfs",
           "LOAD '" + path("x.duckdb_extension") + "'",
           "SET memory_limit = '10GB'",
           "SET lock_configuration = false",
           "RESET enable_external_access",
           "PRAGMA enable_profiling",
           "PRAGMA memory_limit = '10GB'",
           "CREATE TABLE t (a INTEGER)",
           "CREATE TEMP MACRO m() AS 1",
           "DROP VIEW raw.t",
           "CALL enable_logging()",
           "CREATE SECRET s (TYPE s3)",
           "PREPARE p AS SELECT 1",
           "SET VARIABLE x = 1",
           "USE raw",
           "BEGIN",
       }) {
    const Error error = refusal(statement);
    EXPECT_TRUE(error.code == Code::denied || error.code == Code::invalid) << statement << ": " << error.message;
    EXPECT_EQ(engine_->run(statement, {}).error().code, Code::denied) << statement;
  }
  EXPECT_EQ(refusal("COPY (SELECT 1) TO '" + mine + "'").code, Code::denied);
  for (const char* select : {"FROM enable_logging(level = 'trace', storage = 'file')", "FROM pragma_database_size()"})
    (void)engine_->query(select, {});
  EXPECT_EQ(ask("FROM raw.t").rows, (std::vector<Row>{{"2"}}));
  EXPECT_EQ(ask("SELECT current_setting('lock_configuration')").rows.at(0).at(0), "true");
  EXPECT_EQ(ask("SELECT current_setting('enable_logging')").rows.at(0).at(0), "0");
}

TEST_F(DuckdbEngine, locked_an_answer_goes_into_the_file_that_was_allowed_only) {
  lock({path("out.parquet")});
  const auto rows = engine_->query_into("SELECT i FROM range(5) t(i) ORDER BY i DESC; -- all", path("out.parquet"), {});
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(*rows, 5U);
  EXPECT_EQ(ask("FROM read_parquet('" + path("out.parquet") + "') LIMIT 1").rows, (std::vector<Row>{{"4"}}));
  EXPECT_EQ(engine_->query_into("SELECT 1", path("elsewhere.parquet"), {}).error().code, Code::denied);
}

TEST_F(DuckdbEngine, a_runaway_is_stopped_by_time_by_word_and_by_memory_and_the_engine_goes_on) {
  const std::string runaway =
      "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3";
  const Error late = refusal(runaway, {.time_max = std::chrono::milliseconds(200)});
  EXPECT_EQ(late.code, Code::overloaded);
  EXPECT_EQ(late.message, "stopped: it ran longer than 200 ms");

  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(refusal(runaway, {.stop = stop.get_token()}).message, "stopped: we were told to");

  reopen({.memory_mib_max = 64, .threads = 1});
  const Error large = refusal("SELECT i, count(*) FROM range(50000000) t(i) GROUP BY i");
  EXPECT_EQ(large.code, Code::overloaded);
  EXPECT_TRUE(large.message.starts_with("Out of Memory Error")) << large.message;
  EXPECT_EQ(ask("SELECT 1").rows.size(), 1U);
}

TEST_F(DuckdbEngine, what_does_not_fit_into_memory_is_spilled_also_when_locked) {
  reopen({.memory_mib_max = 64, .threads = 1, .spill_folder = path("spill")});
  lock();
  EXPECT_EQ(ask("SELECT count(*) FROM (SELECT i, count(*) FROM range(4000000) t(i) GROUP BY i)").rows,
            (std::vector<Row>{{"4000000"}}));
}

TEST_F(DuckdbEngine, options_that_it_does_not_take_are_named) {
  const auto opened = open_duckdb_engine({.spill_folder = "/proc/nothing", .spill_mib_max = UINT64_MAX});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("max_temp_directory_size"), std::string::npos) << opened.error().message;
}

}  // namespace
}  // namespace waybill::transform
