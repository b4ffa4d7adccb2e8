#include "transform/source_run.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/hash.h"
#include "lake/simulated_objects.h"
#include "transform/duckdb_engine.h"
#include "transform/tables.h"

namespace waybill::transform {
namespace {

using Rows = std::vector<std::vector<std::string>>;

class Sources : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "waybill-sources-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    engine_ = *open_duckdb_engine({.memory_mib_max = 128, .threads = 2});
  }
  void TearDown() override { ASSERT_TRUE(remove_with_content(system_files(), folder_)); }

  SourceInput input(const std::string& name, std::string_view content) {
    const std::string path = join_path(folder_, name);
    EXPECT_TRUE(write_file_atomically(system_files(), path, content));
    const SourceForm form = name.ends_with(".csv")       ? SourceForm::csv
                            : name.ends_with(".json")    ? SourceForm::json
                            : name.ends_with(".parquet") ? SourceForm::parquet
                                                         : SourceForm::ndjson;
    return {.id = path, .path = path, .form = form};
  }
  SourceInput parquet(const std::string& name, const std::string& select) {
    const std::string path = join_path(folder_, name);
    (void)system_files().remove(path);
    const auto rows = engine_->query_into(select, path, {});
    EXPECT_TRUE(rows) << rows.error().message;
    return {.id = path, .path = path, .form = SourceForm::parquet};
  }

  Result<SourceRun> try_run(const std::vector<SourceInput>& inputs,
                            std::optional<SourceRunOptions::Growing> growing = {}) {
    const auto catalog = lake::open_catalog(objects_, clock_);
    if (!catalog) return std::unexpected(catalog.error());
    return run_source({**catalog, objects_, *engine_}, table_, inputs,
                      {.scratch = join_path(folder_, scratch_), .declared = declared_, .growing = growing});
  }
  SourceRun run(const std::vector<SourceInput>& inputs) {
    auto ran = try_run(inputs);
    EXPECT_TRUE(ran) << ran.error().message;
    return ran.value_or(SourceRun{});
  }

  // As anybody asks the lake.
  Rows ask(const std::string& sql) {
    const auto catalog = lake::open_catalog(objects_, clock_);
    const auto lake = (*catalog)->now();
    std::string named = join_path(folder_, "read-" + std::to_string(++reads_));
    for (const auto& [key, file] : lake->files) {
      const std::string path = join_path(named, key);
      EXPECT_TRUE(system_files().make_folder(path.substr(0, path.rfind('/'))));
      EXPECT_TRUE(write_file_atomically(system_files(), path, *objects_.get(key)));
      EXPECT_EQ(file.crc32c, crc32c(as_bytes(*objects_.get(key)))) << key;
    }
    for (NamedTable& table : tables_of(*lake)) {
      for (std::string& file : table.files) file = join_path(named, file);
      const auto done = engine_->name_table(table);
      EXPECT_TRUE(done) << done.error().message;
    }
    const auto answer = engine_->query(sql, {});
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message;
    Rows rows;
    if (!answer) return rows;
    for (const auto& row : answer->rows) {
      auto& texts = rows.emplace_back();
      for (const Cell& cell : row) texts.push_back(cell.value_or("NULL"));
    }
    return rows;
  }
  std::string types() {
    std::string text;
    for (const auto& row : ask("SELECT column_name, column_type FROM (DESCRIBE external.shop_orders)"))
      text += (text.empty() ? "" : ", ") + row[0] + " " + row[1];
    return text;
  }
  std::string reasons() {
    std::string text;
    for (const auto& row :
         ask("SELECT reason, decode(raw) FROM external.shop_orders_quarantine ORDER BY run, reason, raw"))
      text += row[0] + " <" + row[1] + ">\n";
    return text;
  }

  const SourceTable table_{.source = "shop", .table = "orders"};
  std::string folder_;
  lake::SimulatedObjects objects_;
  ManualClock clock_{at_us(1'795'946'400'000'000)};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> other_;
  Contract declared_;
  int reads_ = 0;
  std::string scratch_ = "scratch";
};

TEST_F(Sources, columns_of_csv_get_the_narrowest_type_that_loses_nothing) {
  run({input("a.csv",
             "id,zip,price,paid,day,at,name,big,never\n"
             "1,007,12.50,true,2026-11-29,2026-11-29T10:00:00+02:00,\"a, \"\"b\"\"\",12345678901234567890,\n"
             "-2,10115,3,false,2026-02-28,2026-11-29 10:00,,1,\n")});
  EXPECT_EQ(types(),
            "id BIGINT, zip VARCHAR, price DOUBLE, paid BOOLEAN, day DATE, at TIMESTAMP, name VARCHAR, big VARCHAR");
  EXPECT_EQ(
      ask("SELECT * FROM external.shop_orders ORDER BY id"),
      (Rows{{"-2", "10115", "3.0", "false", "2026-02-28", "2026-11-29 10:00:00", "NULL", "1"},
            {"1", "007", "12.5", "true", "2026-11-29", "2026-11-29 08:00:00", "a, \"b\"", "12345678901234567890"}}));
}

TEST_F(Sources, columns_of_json_keep_to_the_kinds_of_their_values) {
  run({input("a.ndjson",
             R"({"id":1,"share":0.5,"code":"12","at":"2026-11-29T10:00:00Z","items":[{"a":1}],"mixed":1,"a/b~c":true})"
             "\n\n"
             R"({"id":2,"share":1,"mixed":"x","code":null})"
             "\r\n")});
  EXPECT_EQ(types(),
            "id BIGINT, share DOUBLE, code VARCHAR, at TIMESTAMP, items VARCHAR, mixed VARCHAR, a/b~c BOOLEAN");
  EXPECT_EQ(ask("SELECT * FROM external.shop_orders ORDER BY id"),
            (Rows{{"1", "0.5", "12", "2026-11-29 10:00:00", R"([{"a":1}])", "1", "true"},
                  {"2", "1.0", "NULL", "NULL", "NULL", R"("x")", "NULL"}}));
}

TEST_F(Sources, json_arrays_and_parquet_are_read_and_types_follow_from_all_inputs_of_the_first_run) {
  const SourceRun ran = run({input("a.json", R"([{"id":1},{"id":2,"price":3}])"), input("b.ndjson", R"({"price":2.5})"),
                             parquet("c.parquet", "SELECT CAST(3 AS BIGINT) AS id, CAST(1 AS DOUBLE) AS price")});
  EXPECT_EQ(ran.inputs, 3u);
  EXPECT_EQ(ran.quarantined, 0u);
  EXPECT_EQ(types(), "id BIGINT, price DOUBLE");
  EXPECT_EQ(ask("SELECT count(*), sum(price) FROM external.shop_orders"), (Rows{{"4", "6.5"}}));
}

TEST_F(Sources, a_row_with_another_type_goes_to_quarantine_as_it_came) {
  run({input("a.csv", "id,price\n1,2.5\n")});
  const SourceRun ran = run({input("b.csv", "id,price\n2,3\nthree,4\n4,much\n5\n")});
  EXPECT_EQ(ran.rows, 1u);
  EXPECT_EQ(ran.quarantined, 3u);
  EXPECT_EQ(reasons(),
            "Expected Number of Columns: 2 Found: 1 <5>\n"
            "id: expected BIGINT, found three <{\"id\":\"three\",\"price\":\"4\"}>\n"
            "price: expected DOUBLE, found much <{\"id\":\"4\",\"price\":\"much\"}>\n");
  EXPECT_EQ(types(), "id BIGINT, price DOUBLE");
}

TEST_F(Sources, a_json_number_that_became_a_text_is_not_made_a_number_again) {
  run({input("a.ndjson", R"({"id":1})")});
  run({input("b.ndjson", "{\"id\":\"2\"}\n{\"id\":2.5}\n[3]\nnonsense\n{\"id\":4}\n")});
  EXPECT_EQ(ask("SELECT id FROM external.shop_orders ORDER BY id"), (Rows{{"1"}, {"4"}}));
  EXPECT_EQ(reasons(),
            "id: expected BIGINT, found \"2\" <{\"id\":\"2\"}>\n"
            "id: expected BIGINT, found 2.5 <{\"id\":2.5}>\n"
            "is not JSON <nonsense>\n"
            "is not a JSON object <[3]>\n");
}

TEST_F(Sources, a_new_column_is_taken_without_rewriting_what_is_there) {
  run({input("a.csv", "id\n1\n")});
  const auto before = objects_.all();
  const SourceRun ran = run({input("b.csv", "id,note\n2,new\n")});
  EXPECT_EQ(ran.quarantined, 0u);
  for (const auto& [key, content] : before) {
    if (!key.starts_with("raw/")) continue;
    EXPECT_EQ(objects_.all()[key], content) << key;
  }
  EXPECT_EQ(ask("SELECT id, note FROM external.shop_orders ORDER BY id"), (Rows{{"1", "NULL"}, {"2", "new"}}));
}

TEST_F(Sources, an_input_that_lacks_a_column_or_has_another_type_of_it_is_refused_as_a_whole) {
  run({input("a.csv", "id,price\n1,2\n"),
       parquet("a.parquet", "SELECT CAST(2 AS BIGINT) AS id, CAST(2 AS BIGINT) AS price")});
  const SourceRun ran =
      run({input("b.csv", "id,cost\n1,2\n"), parquet("b.parquet", "SELECT CAST(1 AS BIGINT) AS id, 'much' AS price"),
           input("c.parquet", "no parquet"), input("d.json", "[{]"), input("e.csv", "")});
  EXPECT_EQ(ran.refused.size(), 5u);
  EXPECT_EQ(ran.rows, 0u);
  const Rows kept = ask("SELECT reason, octet_length(raw) > 0 FROM external.shop_orders_quarantine ORDER BY input");
  ASSERT_EQ(kept.size(), 5u);
  EXPECT_EQ(kept[0], (std::vector<std::string>{"the whole input: column price is missing", "true"}));
  EXPECT_EQ(kept[1][0], "the whole input: column price: expected BIGINT, found VARCHAR");
  EXPECT_EQ(kept[2][0].substr(0, 39), "the whole input: is not read as parquet");
  EXPECT_EQ(kept[3][0].substr(0, 36), "the whole input: is not read as json");
  EXPECT_EQ(kept[4][0], "the whole input: is empty: a line of names was expected");
  EXPECT_EQ(ask("SELECT count(*) FROM external.shop_orders"), (Rows{{"2"}}));
}

TEST_F(Sources, what_is_as_it_was_is_passed_over_and_what_has_changed_replaces_its_rows) {
  run({input("a.csv", "id\n1\nx\n"), input("b.csv", "id\n2\n")});  // one run: the type is a text
  EXPECT_EQ(ask("SELECT id FROM external.shop_orders ORDER BY id"), (Rows{{"1"}, {"2"}, {"x"}}));
  const SourceRun again = run({input("a.csv", "id\n1\nx\n"), input("b.csv", "id\n2\n")});
  EXPECT_EQ(again.run, 0u);
  EXPECT_EQ(again.unchanged, 2u);
  const SourceRun changed = run({input("a.csv", "id\n1\ny\n"), input("b.csv", "id\n2\n")});
  EXPECT_EQ(changed.inputs, 1u);
  EXPECT_EQ(ask("SELECT id FROM external.shop_orders ORDER BY id"), (Rows{{"1"}, {"2"}, {"y"}}));
}

TEST_F(Sources, a_file_that_was_mended_takes_its_rows_out_of_quarantine) {
  run({input("a.csv", "id\n1\n")});
  run({input("a.csv", "id\n1\n"), input("b.csv", "id\ntwo\n")});
  EXPECT_EQ(ask("SELECT count(*) FROM external.shop_orders_quarantine"), (Rows{{"1"}}));
  run({input("a.csv", "id\n1\n"), input("b.csv", "id\n2\n")});
  EXPECT_EQ(ask("SELECT id FROM external.shop_orders ORDER BY id"), (Rows{{"1"}, {"2"}}));
  const auto catalog = lake::open_catalog(objects_, clock_);
  EXPECT_TRUE((*catalog)->now()->of_table("external.shop_orders_quarantine").empty());
}

TEST_F(Sources, a_declared_type_goes_before_the_values) {
  declared_ = {{.name = "id", .type = "VARCHAR"}, {.name = "later", .type = "DATE"}};
  run({input("a.csv", "id,later\n1,\n")});
  EXPECT_EQ(types(), "id VARCHAR, later DATE");
}

TEST_F(Sources, names_with_signs_of_patterns_and_of_sql_are_read_as_they_are) {
  const SourceRun ran = run({input("we[i]rd*'?.csv", "\"a \"\"b\"\" 'c'\",select\n1,2\n")});
  EXPECT_EQ(ran.rows, 1u);
  EXPECT_EQ(ask("SELECT \"a \"\"b\"\" 'c'\", \"select\" FROM external.shop_orders"), (Rows{{"1", "2"}}));
  const SourceRun twice = run({input("t.csv", "A,a\n1,2\n")});
  EXPECT_EQ(twice.refused.size(), 1u);
}

TEST_F(Sources, a_run_that_is_killed_anywhere_and_repeated_leaves_what_one_that_was_not_leaves) {
  const auto inputs = [&] {
    return std::vector{input("a.csv", "id\n1\n2\n"), input("b.csv", "id\n3\nfour\n"), input("c.ndjson", R"({"id":5})")};
  };
  declared_ = {{.name = "id", .type = "BIGINT"}};
  for (const lake::Lost lost : {lake::Lost::operation, lake::Lost::answer}) {
    bool clean = false;
    for (uint64_t n = 1; !clean; ++n) {
      for (const auto& [key, content] : objects_.all()) ASSERT_TRUE(objects_.remove(key));
      run({input("b.csv", "id\n9\n")});
      objects_.fail_at(n, lost);
      (void)try_run(inputs());
      clean = !objects_.has_failed();
      objects_.fail_at(0, lost);
      run(inputs());
      EXPECT_EQ(ask("SELECT id FROM external.shop_orders ORDER BY id"), (Rows{{"1"}, {"2"}, {"3"}, {"5"}})) << n;
      EXPECT_EQ(reasons(), "id: expected BIGINT, found four <{\"id\":\"four\"}>\n") << n;
      ASSERT_LT(n, 100u);
    }
  }
}

TEST_F(Sources, of_two_runs_the_one_that_was_claimed_first_changes_nothing) {
  objects_.before_put_of("raw/external/shop/orders/", [&] {
    scratch_ = "other";
    engine_.swap(other_);
    run({input("b.csv", "id\n2\n")});
    engine_.swap(other_);
  });
  other_ = *open_duckdb_engine({.memory_mib_max = 128, .threads = 1});
  const auto late = try_run({input("a.csv", "id\n1\n")});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict) << late.error().message;
  EXPECT_EQ(ask("SELECT id FROM external.shop_orders"), (Rows{{"2"}}));
}

TEST_F(Sources, what_was_read_above_a_value_is_not_taken_twice) {
  ASSERT_TRUE(try_run({input("a.csv", "id\n1\n")}, {{.from = "", .to = "1"}}));
  ASSERT_TRUE(try_run({input("b.csv", "id\n2\n")}, {{.from = "1", .to = "2"}}));
  const auto behind = try_run({input("c.csv", "id\n2\n")}, {{.from = "1", .to = "2"}});
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().code, Code::conflict);
  EXPECT_EQ(ask("SELECT count(*) FROM external.shop_orders"), (Rows{{"2"}}));
}

TEST_F(Sources, what_is_forgotten_leaves_nothing_and_begins_anew) {
  run({input("a.csv", "id\n1\n"), input("b.csv", "")});
  const auto catalog = lake::open_catalog(objects_, clock_);
  ASSERT_EQ(forget_source(**catalog, table_), 2u);
  EXPECT_TRUE((*catalog)->now()->files.empty());
  EXPECT_TRUE((*catalog)->now()->properties.empty());
  run({input("a.csv", "id\none\n")});
  EXPECT_EQ(types(), "id VARCHAR");
}

TEST_F(Sources, a_table_whose_rows_are_all_in_quarantine_can_be_asked) {
  declared_ = {{.name = "id", .type = "BIGINT"}};
  run({input("a.csv", "id\none\n")});
  EXPECT_EQ(ask("SELECT count(*) FROM external.shop_orders"), (Rows{{"0"}}));
}

TEST(SourceTableName, is_two_names_of_small_letters) {
  for (const char* good : {"shop.orders", "s.t", "shop_2.orders_2026"}) EXPECT_TRUE(parse_source_table(good)) << good;
  for (const char* bad :
       {"shop", "shop.", ".orders", "Shop.orders", "shop.or ders", "../x.y", "shop.x_quarantine", "1.a", "a.b.c"})
    EXPECT_FALSE(parse_source_table(bad)) << bad;
  EXPECT_EQ(parse_source_table("shop.orders")->name(), "external.shop_orders");
}

}  // namespace
}  // namespace waybill::transform
