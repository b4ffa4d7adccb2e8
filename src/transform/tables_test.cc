#include "transform/tables.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "lake/bronze_rows.h"
#include "lake/local/local_objects.h"
#include "transform/duckdb_engine.h"
#include "transform/syntax.h"

namespace waybill::transform {
namespace {

using Row = std::vector<Cell>;
using Names = std::set<std::string>;

class Tables : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "waybill-tables-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto opened = open_duckdb_engine({.memory_mib_max = 128, .threads = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    engine_ = std::move(*opened);
  }
  void TearDown() override { ASSERT_TRUE(remove_with_content(system_files(), folder_)); }

  void put(const std::string& table, const std::string& name, std::string_view content) {
    ASSERT_TRUE(write_file_atomically(system_files(), join_path(folder_, name), content));
    snapshot_.files[name] = {.key = name, .table = table};
  }
  void name_all() {
    const auto objects = lake::open_local_objects({.folder = folder_}, system_files());
    ASSERT_TRUE(objects) << objects.error().message;
    const auto copies = lake::no_copies();
    const auto loan = copies->borrow(**objects);
    for (NamedTable& table : tables_of(snapshot_)) {
      ASSERT_TRUE(place(table, snapshot_, *loan));
      const auto named = engine_->name_table(table);
      ASSERT_TRUE(named) << named.error().message;
    }
  }
  Answer ask(const std::string& sql) {
    auto answer = engine_->query(sql, {});
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message;
    return answer.value_or(Answer{});
  }
  Names read_by(const std::string& sql) {
    const auto syntax = engine_->syntax(sql);
    EXPECT_TRUE(syntax) << sql << ": " << syntax.error().message;
    return tables_read(syntax.value_or("{}"));
  }

  std::string folder_;
  lake::Snapshot snapshot_;
  std::unique_ptr<Engine> engine_;
};

Location a_location() {
  Location location;
  location.order = OrderId("17", true);
  location.deliverer = DelivererId("anna");
  location.latitude = 41.1496;
  location.longitude = -8.6110;
  location.fix_time = at_us(1'705'309'200'000'001);
  location.received_at = at_us(1'705'309'201'000'000);
  return location;
}

TEST_F(Tables, a_location_is_read_with_degrees_and_times_for_people) {
  lake::LocationRows rows;
  rows.add({.epoch = 1, .partition = 0, .offset = 5}, a_location());
  Location other = a_location();
  other.latitude = 41.14960000000001;
  other.sent_at = at_us(1'705'309'200'500'000);
  rows.add({.epoch = 1, .partition = 0, .offset = 6}, other);
  put("raw.deliverer_location", "one.parquet", *rows.to_parquet());
  name_all();
  EXPECT_EQ(ask("SELECT journal_offset, order_id, deliverer_id, latitude, longitude, fix_at, received_at, sent_at FROM "
                "raw.deliverer_location ORDER BY journal_offset")
                .rows,
            (std::vector<Row>{{"5", "17", "anna", "41.1496", "-8.611", "2024-01-15 09:00:00.000001",
                               "2024-01-15 09:00:01", std::nullopt},
                              {"6", "17", "anna", "41.14960000000001", "-8.611", "2024-01-15 09:00:00.000001",
                               "2024-01-15 09:00:01", "2024-01-15 09:00:00.5"}}));
}

TEST_F(Tables, an_empty_table_has_the_columns_of_one_with_rows) {
  name_all();
  std::vector<std::vector<Column>> empty;
  const std::vector<std::string> names = {"raw.deliverer_location", "raw.order_command", "raw.quarantine"};
  for (const std::string& name : names) {
    empty.push_back(ask("FROM " + name).columns);
    EXPECT_TRUE(ask("FROM " + name).rows.empty());
  }
  lake::LocationRows locations;
  locations.add({.epoch = 1, .partition = 0, .offset = 5}, a_location());
  put("raw.deliverer_location", "locations.parquet", *locations.to_parquet());
  lake::CommandRows commands;
  commands.add({.epoch = 1, .partition = 0, .offset = 6}, {});
  put("raw.order_command", "commands.parquet", *commands.to_parquet());
  lake::QuarantineRows quarantine;
  quarantine.add({.epoch = 1, .partition = 0, .offset = 7}, {}, {});
  put("raw.quarantine", "quarantine.parquet", *quarantine.to_parquet());
  name_all();
  for (size_t i = 0; i < names.size(); ++i) {
    const Answer full = ask("FROM " + names[i]);
    EXPECT_EQ(full.rows.size(), 1U) << names[i];
    ASSERT_EQ(full.columns.size(), empty[i].size()) << names[i];
    for (size_t column = 0; column < full.columns.size(); ++column)
      EXPECT_EQ(full.columns[column].name + " " + full.columns[column].type,
                empty[i][column].name + " " + empty[i][column].type);
  }
}

TEST_F(Tables, tables_of_models_are_there_where_they_have_files) {
  ASSERT_TRUE(engine_->query_into("SELECT 1 AS a", join_path(folder_, "t.parquet"), {}));
  snapshot_.files["t.parquet"] = {.key = "t.parquet", .table = "final.fact"};
  name_all();
  EXPECT_EQ(ask("FROM final.fact").rows, (std::vector<Row>{{"1"}}));
}

TEST_F(Tables, a_statement_reads_the_tables_that_it_names_wherever_it_names_them) {
  EXPECT_EQ(
      read_by("WITH c AS (SELECT * FROM raw.a) SELECT * FROM c JOIN treated.b USING (x) WHERE y IN (SELECT z FROM "
              "\"final\".\"c d\") UNION ALL SELECT (SELECT max(q) FROM e)"),
      (Names{"raw.a", "treated.b", "final.c d", "e"}));
  EXPECT_EQ(read_by("SELECT 1"), Names{});
  EXPECT_EQ(read_by("DESCRIBE raw.a"), Names{"raw.a"});
  EXPECT_EQ(read_by("SELECT * FROM range(3)"), Names{});
}

}  // namespace
}  // namespace waybill::transform
