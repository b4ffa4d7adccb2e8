#include "transform/runner.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/hash.h"
#include "lake/bronze_rows.h"
#include "lake/local/local_objects.h"
#include "transform/duckdb_engine.h"
#include "transform/tables.h"

namespace waybill::transform {
namespace {

std::map<std::string, std::vector<Column>> raw_columns() {
  std::map<std::string, std::vector<Column>> columns = order_columns();
  for (const auto table : {lake::BronzeTable::deliverer_location, lake::BronzeTable::order_command})
    columns[lake::table_name(table)] = columns_of(table);
  return columns;
}

// Objects of a folder whose n-th change fails, before or after it happened.
class FailingObjects final : public lake::Objects {
 public:
  explicit FailingObjects(lake::Objects& inner) : inner_(inner) {}
  Result<void> put(const std::string& key, Bytes content, lake::IfThere if_there) override {
    return change([&] { return inner_.put(key, content, if_there); });
  }
  Result<void> put_file(const std::string& key, const std::string& path, lake::IfThere if_there) override {
    if (before_location && key.starts_with("treated/location/")) std::exchange(before_location, nullptr)();
    return change([&] { return inner_.put_file(key, path, if_there); });
  }
  Result<std::string> get(const std::string& key) const override { return dead_ ? gone() : inner_.get(key); }
  Result<std::vector<lake::ObjectInfo>> list(const std::string& prefix, const std::string& after) const override {
    if (dead_) return std::unexpected(gone().error());
    return inner_.list(prefix, after);
  }
  Result<void> remove(const std::string& key) override {
    return change([&] { return inner_.remove(key); });
  }
  std::string url() const override { return inner_.url(); }

  uint64_t left = 0;  // 0: none fails; after the one that does, nothing works any more
  bool happens = false;  // only its answer is lost
  std::function<void()>
      before_location;  // called once, before a file of treated.location: meanwhile somebody else does it
  bool dead_ = false;

 private:
  static Result<std::string> gone() { return fail(Code::unavailable, "killed"); }
  template <class Do>
  Result<void> change(Do act) {
    if (dead_) return std::unexpected(gone().error());
    if (left == 0 || --left > 0) return act();
    dead_ = true;
    if (happens) (void)act();
    return std::unexpected(gone().error());
  }
  lake::Objects& inner_;
};

ModelFiles files_of_the_tree() {
  ModelFiles files;
  const std::filesystem::path folder = std::filesystem::path(WAYBILL_SOURCE_FOLDER) / "models";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".sql" || entry.path().extension() == ".toml") {
      std::stringstream content;
      content << std::ifstream(entry.path()).rdbuf();
      files[std::filesystem::relative(entry.path(), folder).generic_string()] = content.str();
    }
  return files;
}

class RunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "waybill-models-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    lake_folder_ = join_path(folder_, "lake");
    open_lake();
    engine_ = *open_duckdb_engine({.memory_mib_max = 400, .threads = 2, .spill_folder = join_path(folder_, "spill")});
    graph_ = graph_of_the_tree();
  }
  void TearDown() override { ASSERT_TRUE(remove_with_content(system_files(), folder_)); }

  Graph graph_of_the_tree() {
    const auto models = read_models(files_of_the_tree());
    EXPECT_TRUE(models) << models.error().message;
    std::set<std::string> known;
    for (const auto& [table, columns] : raw_columns()) known.insert(table);
    auto graph = arrange(*engine_, *models, known);
    EXPECT_TRUE(graph) << graph.error().message;
    return graph.value_or(Graph{});
  }

  void open_lake() {
    disk_ = *lake::open_local_objects({.folder = lake_folder_}, system_files());
    objects_ = std::make_unique<FailingObjects>(*disk_);
    catalog_ = *lake::open_catalog(*objects_, clock_);
  }

  // A bronze file of rows: offset, deliverer, order, state, fix "YYYY-MM-DD HH:MM:SS", latitude and longitude e7, client id.
  void bronze(const std::string& rows) {
    const std::string path = join_path(folder_, "bronze.parquet");
    // The epoch is that of a folder that was restored.
    const auto done = engine_->query_into(
        "SELECT 1790000000::BIGINT AS journal_epoch, 0::INTEGER AS journal_partition, o::BIGINT AS journal_offset, "
        "epoch_us(t) "
        "+ 1000000 AS "
        "received_us, epoch_us(t) AS fix_us, CAST(t AS DATE) AS fix_date, NULL::BIGINT AS sent_us, r::VARCHAR AS "
        "order_id, "
        "d::VARCHAR AS deliverer_id, s::VARCHAR AS delivery_state, a::INTEGER AS latitude_e7, b::INTEGER AS "
        "longitude_e7, "
        "NULL::DOUBLE AS latitude_exact, NULL::DOUBLE AS longitude_exact, 1::BIGINT AS cell, 5::DOUBLE AS accuracy_m, "
        "NULL::DOUBLE AS "
        "altitude_m, NULL::DOUBLE AS speed_mps, NULL::DOUBLE AS heading_deg, c::VARCHAR AS client_id, NULL::VARCHAR AS "
        "attributes "
        "FROM (SELECT o, d, r, s, CAST(f AS TIMESTAMP) AS t, a, b, c FROM (VALUES " +
            rows + ") AS v(o, d, r, s, f, a, b, c)) AS w",
        path, {});
    ASSERT_TRUE(done) << done.error().message;
    lake::DataFile file{.key = "raw/internal/" + std::to_string(++bronze_files_) + ".parquet",
                        .table = "raw.deliverer_location",
                        .rows = *done};
    const auto dates =
        engine_->query("SELECT DISTINCT fix_date FROM read_parquet('" + path + "') ORDER BY fix_date", {});
    for (const auto& row : dates->rows) file.dates.push_back(*row[0]);
    ASSERT_TRUE(disk_->put_file(file.key, path, lake::IfThere::replace));
    ASSERT_TRUE(system_files().remove(path));
    const uint64_t claim = *catalog_->claim("test");
    ASSERT_TRUE(catalog_->commit({.role = "test", .claim = claim, .what = "bronze", .add = {file}}));
  }

  // A bronze file of one command. Its position is behind all others.
  void said(OrderCommand command) {
    command.received_at = command.at.value_or(clock_.now());
    lake::CommandRows rows;
    const Position position{.epoch = 1'790'000'000, .partition = 0, .offset = 1000 + ++bronze_files_};
    rows.add(position, command);
    const std::string content = *rows.to_parquet();
    const lake::DataFile file{.key = "raw/internal/" + std::to_string(bronze_files_) + ".parquet",
                              .table = "raw.order_command",
                              .rows = 1,
                              .crc32c = crc32c(as_bytes(content)),
                              .from = position,
                              .to = position.offset + 1};
    ASSERT_TRUE(disk_->put(file.key, as_bytes(content), lake::IfThere::replace));
    ASSERT_TRUE(catalog_->commit({.role = "test", .claim = *catalog_->claim("test"), .what = "bronze", .add = {file}}));
  }

  Result<std::vector<ModelRun>> run_once(uint64_t rows_at_once_max = 1000) {
    return run_models({*catalog_, *objects_, *copies_, *engine_}, graph_, raw_columns(),
                      {.scratch = join_path(folder_, "scratch"), .rows_at_once_max = rows_at_once_max});
  }
  std::map<std::string, ModelRun> run(uint64_t rows_at_once_max = 1000) {
    std::map<std::string, ModelRun> by_name;
    const auto ran = run_once(rows_at_once_max);
    EXPECT_TRUE(ran) << ran.error().message;
    if (ran)
      for (const ModelRun& model : *ran) by_name[model.model] = model;
    return by_name;
  }

  // The answer as lines, of the table's current files.
  std::string ask(const std::string& table, const std::string& columns, const std::string& order) {
    NamedTable named{.name = table};
    for (const lake::DataFile* file : catalog_->now()->of_table(table))
      named.files.push_back(disk_->url() + '/' + file->key);
    if (named.files.empty()) return "";
    EXPECT_TRUE(engine_->name_table(named));
    const auto answer = engine_->query("SELECT " + columns + " FROM " + table + " ORDER BY " + order, {});
    EXPECT_TRUE(answer) << answer.error().message;
    std::string text;
    for (const auto& row : answer.value_or(Answer{}).rows) {
      for (size_t i = 0; i < row.size(); ++i) text += (i > 0 ? " " : "") + row[i].value_or("-");
      text += "\n";
    }
    return text;
  }
  std::string locations() {
    return ask("treated.location", "location_key % 9007199254740992, repeats, is_jump, round(distance_m)",
               "fix_us, location_key");
  }
  std::string trips() {
    return ask("treated.trip", "start_date, order_id, locations, round(metres), seconds, arrived_us IS NOT NULL",
               "start_us, order_id");
  }

  ManualClock clock_{at_us(1'790'000'000'000'000)};
  std::string folder_, lake_folder_;
  std::unique_ptr<lake::Objects> disk_;
  std::unique_ptr<FailingObjects> objects_;
  std::unique_ptr<lake::Catalog> catalog_;
  std::unique_ptr<lake::Copies> copies_ = lake::no_copies();
  std::unique_ptr<Engine> engine_;
  Graph graph_;
  uint64_t bronze_files_ = 0;
};

constexpr const char* over_midnight =
    "(1, 'd1', 'o1', 'start', '2026-01-01 23:50:00', 411500000, -86000000, NULL),"
    "(2, 'd1', 'o1', 'on_the_way', '2026-01-01 23:59:00', 411510000, -86000000, NULL),"
    "(4, 'd1', 'o1', 'arrived', '2026-01-02 00:10:00', 411520000, -86000000, NULL)";

TEST_F(RunnerTest, a_location_that_came_again_stands_once_and_is_counted) {
  bronze(
      "(1, 'd1', 'o1', 'start', '2026-01-01 10:00:00', 411500000, -86000000, NULL),"
      "(2, 'd1', 'o1', 'start', '2026-01-01 10:00:00', 411500000, -86000000, NULL),"
      "(3, 'd1', 'o1', 'on_the_way', '2026-01-01 10:01:00', 411510000, -86000000, 'x'),"
      "(4, 'd2', 'o2', 'on_the_way', '2026-01-01 10:01:00', 411510000, -86000000, 'x'),"
      "(5, 'd1', 'o1', 'on_the_way', '2026-01-01 10:02:00', 411510000, -86000000, 'x')");
  EXPECT_EQ(run()["treated.location"].why, "");
  EXPECT_EQ(locations(), "1 1 false -\n3 1 false 111.0\n4 0 false -\n");
}

TEST_F(RunnerTest, a_jump_is_flagged_and_no_metres_of_a_trip) {
  bronze(
      "(1, 'd1', 'o1', 'start', '2026-01-01 10:00:00', 411500000, -86000000, NULL),"
      "(2, 'd1', 'o1', NULL, '2026-01-01 10:01:00', 421500000, -86000000, NULL),"
      "(3, 'd1', 'o1', 'arrived', '2026-01-01 10:02:00', 421510000, -86000000, NULL)");
  run();
  EXPECT_EQ(locations(), "1 0 false -\n2 0 true 111195.0\n3 0 false 111.0\n");
  EXPECT_EQ(trips(), "2026-01-01 o1 3 111.0 120.0 true\n");
}

TEST_F(RunnerTest, a_late_row_makes_its_dates_again_and_only_those) {
  bronze(over_midnight);
  bronze("(5, 'd9', 'o9', 'start', '2025-01-01 10:00:00', 411500000, -86000000, NULL)");
  run();
  EXPECT_EQ(trips(), "2025-01-01 o9 1 0.0 0.0 false\n2026-01-01 o1 3 222.0 1200.0 true\n");
  bronze("(6, 'd1', 'o1', 'on_the_way', '2026-01-02 00:05:00', 411530000, -86000000, NULL)");
  const auto again = run();
  EXPECT_EQ(again.at("treated.location").dates, 1u);  // the one after has no rows
  EXPECT_EQ(again.at("treated.trip").dates, 2u);
  EXPECT_EQ(trips(), "2025-01-01 o9 1 0.0 0.0 false\n2026-01-01 o1 4 445.0 1200.0 true\n");
  for (const auto& [name, model] : run()) EXPECT_EQ(model.made, Made::current) << name;
}

TEST_F(RunnerTest, dates_made_together_and_alone_are_the_same) {
  bronze(over_midnight);
  bronze(
      "(7, 'd1', 'o2', 'start', '2026-01-03 10:00:00', 411500000, -86000000, NULL),"
      "(8, 'd1', 'o2', 'on_the_way', '2026-01-04 10:00:00', 411600000, -86000000, NULL),"
      "(9, 'd1', 'o2', 'arrived', '2026-01-05 10:00:00', 411700000, -86000000, NULL)");
  run();
  const std::string together = locations() + trips();
  lake_folder_ = join_path(folder_, "other");
  open_lake();
  bronze(over_midnight);
  bronze(
      "(7, 'd1', 'o2', 'start', '2026-01-03 10:00:00', 411500000, -86000000, NULL),"
      "(8, 'd1', 'o2', 'on_the_way', '2026-01-04 10:00:00', 411600000, -86000000, NULL),"
      "(9, 'd1', 'o2', 'arrived', '2026-01-05 10:00:00', 411700000, -86000000, NULL)");
  run(1);
  EXPECT_EQ(locations() + trips(), together);
}

TEST_F(RunnerTest, gold_follows_from_silver_and_its_tests_pass) {
  bronze(over_midnight);
  bronze("(7, NULL, 'o2', 'start', '2026-01-03 10:00:00', 411500000, -86000000, NULL)");
  for (const auto& [name, model] : run()) EXPECT_EQ(model.made, Made::made) << name << ": " << model.why;
  EXPECT_EQ(ask("final.fact_delivery",
                "order_id, deliverer_key > 0, start_date_key, is_delivered, is_on_time, round(metres)", "1"),
            "o1 true 20260101 true - 222.0\no2 false 20260103 false - 0.0\n");
  EXPECT_EQ(ask("final.dim_date", "date_key, weekday, is_weekend", "1"),
            "-1 - -\n20260101 4 false\n20260102 5 false\n20260103 6 true\n20260104 7 true\n");
  EXPECT_EQ(ask("final.dim_time", "count(*), min(time_key), max(time_key), max(hour), max(minute)", "1"),
            "1441 -1 1439 23 59\n");
  EXPECT_EQ(ask("final.dim_order", "order_id, order_key > 0, promised_us", "order_key"),
            "- false -\no1 true -\no2 true -\n");
  EXPECT_EQ(ask("final.fact_location", "location_key, time_key, order_key", "location_key"),
            "1 1430 1\n2 1439 1\n4 10 1\n7 600 7\n");
  EXPECT_EQ(ask("final.work_by_hour", "SUM(locations), SUM(deliveries), round(SUM(kilometres), 3)", "1"),
            "4 1 0.222\n");
  EXPECT_EQ(
      ask("final.dim_deliverer", "deliverer_id, version, valid_from, is_current", "version, deliverer_id NULLS FIRST"),
      "- 1 - true\nd1 1 2026-01-01 true\n");
}

// The nameless way of d1, a fix each ten minutes from 10:00 on, and a day later once more.
constexpr const char* nameless =
    "(1, 'd1', NULL, NULL, '2026-01-01 10:00:00', 411500000, -86000000, NULL),"
    "(2, 'd1', NULL, NULL, '2026-01-01 10:10:00', 411510000, -86000000, NULL),"
    "(3, 'd1', NULL, NULL, '2026-01-01 10:20:00', 411520000, -86000000, NULL),"
    "(4, 'd1', NULL, NULL, '2026-01-02 10:00:00', 411530000, -86000000, NULL),"
    "(5, 'd1', NULL, NULL, '2026-02-01 10:00:00', 411530000, -86000000, NULL)";

OrderCommand order_of(const std::string& order, OrderCommand::Kind kind, int64_t at_s) {
  OrderCommand command;
  command.kind = kind;
  command.order = OrderId(order);
  command.at = at_us(at_s * 1'000'000);
  return command;
}
constexpr int64_t ten = 1'767'261'600;  // 2026-01-01 10:00:00

TEST_F(RunnerTest, an_assignment_binds_the_nameless_locations_of_its_deliverer_and_makes_only_their_dates_again) {
  bronze(nameless);
  bronze("(9, 'd2', 'o9', 'start', '2025-01-01 10:00:00', 411500000, -86000000, NULL)");
  run();
  EXPECT_EQ(trips(), "2025-01-01 o9 1 0.0 0.0 false\n");
  OrderCommand given = order_of("o1", OrderCommand::Kind::put, ten + 600);
  given.deliverer = DelivererId("d1");
  given.assignments = {{.deliverer = DelivererId("d1"), .from = *given.at, .to = at_us((ten + 1800) * 1'000'000)}};
  said(given);
  const auto again = run();
  EXPECT_EQ(again.at("treated.location").made, Made::current);
  EXPECT_EQ(again.at("treated.trip").dates, 2u);  // the one before has none, and the next
  EXPECT_EQ(again.at("final.fact_location").dates, 1u);
  EXPECT_EQ(trips(), "2025-01-01 o9 1 0.0 0.0 false\n2026-01-01 o1 2 111.0 600.0 false\n");
  EXPECT_EQ(ask("final.fact_location", "location_key, order_id, order_key", "location_key"),
            "1 - -1\n2 o1 1003\n3 o1 1003\n4 - -1\n5 - -1\n9 o9 9\n");

  // Corrected, it has them no more.
  given.assignments->clear();
  said(given);
  run();
  EXPECT_EQ(trips(), "2025-01-01 o9 1 0.0 0.0 false\n");
  for (const auto& [name, model] : run()) EXPECT_EQ(model.made, Made::current) << name;
}

TEST_F(RunnerTest, an_assignment_without_an_end_stands_for_a_week) {
  bronze(nameless);
  OrderCommand given = order_of("o1", OrderCommand::Kind::put, ten);
  given.deliverer = DelivererId("d1");
  said(given);
  run();
  EXPECT_EQ(ask("treated.assignment", "fix_date, order_id, to_us", "1"), "2026-01-01 o1 -\n2026-01-02 o1 -\n");
  EXPECT_EQ(trips(), "2026-01-01 o1 4 334.0 86400.0 false\n");
}

TEST_F(RunnerTest,
       of_several_orders_that_a_deliverer_had_a_location_has_the_key_of_the_last_one_and_all_have_the_trip) {
  bronze(nameless);
  for (const auto& [order, at] : {std::pair{"o1", ten + 60}, std::pair{"o2", ten}}) {
    OrderCommand given = order_of(order, OrderCommand::Kind::put, at);
    given.deliverer = DelivererId("d1");
    said(given);
  }
  for (const auto& [name, model] : run()) EXPECT_EQ(model.made, Made::made) << name << ": " << model.why;
  EXPECT_EQ(ask("final.fact_location", "location_key, order_id", "location_key"), "1 o2\n2 o1\n3 o1\n4 o1\n5 -\n");
  EXPECT_EQ(trips(), "2026-01-01 o2 4 334.0 86400.0 false\n2026-01-01 o1 3 222.0 85800.0 false\n");
}

TEST_F(RunnerTest, a_promise_and_a_close_change_their_orders_delivery_and_no_other_date) {
  bronze(over_midnight);
  bronze("(5, 'd9', 'o9', 'start', '2025-01-01 10:00:00', 411500000, -86000000, NULL)");
  run();
  OrderCommand promised = order_of("o9", OrderCommand::Kind::put, 1'735'725'600);
  promised.promised_at = at_us(1'735'725'600'000'000);  // 2025-01-01 10:00:00
  said(promised);
  said(order_of("o9", OrderCommand::Kind::close, 1'735'725'600 + 60));
  const auto again = run();
  EXPECT_EQ(again.at("final.fact_delivery").dates, 1u);
  EXPECT_EQ(again.at("final.work_by_hour").dates, 1u);
  EXPECT_EQ(ask("final.fact_delivery", "order_id, is_delivered, is_on_time, delivered_date_key, delivered_time_key",
                "start_us"),
            "o9 true false 20250101 601\no1 true - 20260102 10\n");
  EXPECT_EQ(
      ask("final.fact_delivery_state", "delivery_key, delivery_state_key, date_key, time_key, seconds", "from_us"),
      "5 1 20250101 600 60.0\n5 4 20250101 601 -\n"
      "1 1 20260101 1430 540.0\n1 2 20260101 1439 660.0\n1 3 20260102 10 -\n");
}

TEST_F(RunnerTest, a_delivery_that_is_closed_on_a_date_without_locations_is_work_of_that_date) {
  bronze("(1, 'd1', 'o1', 'start', '2026-01-01 10:00:00', 411500000, -86000000, NULL)");
  said(order_of("o1", OrderCommand::Kind::close, ten + 86'400));
  run();
  EXPECT_EQ(ask("final.work_by_hour", "work_date, date_key, time_key, locations, deliveries", "1"),
            "2026-01-01 20260101 600 1 0\n2026-01-02 20260102 600 0 1\n");
}

TEST_F(RunnerTest, one_more_hour_makes_its_date_of_the_facts_and_no_other) {
  for (int day = 1; day <= 9; ++day)
    bronze("(" + std::to_string(day) + ", 'd', 'o" + std::to_string(day) + "', 'start', '2026-03-0" +
           std::to_string(day) + " 10:00:00', 411000000, -86000000, NULL)");
  run();
  bronze("(20, 'd', 'o9', 'arrived', '2026-03-09 11:00:00', 411000000, -86000000, NULL)");
  const auto again = run();
  for (const char* model : {"treated.location", "treated.deliverer_hour", "treated.order_date", "final.fact_location"})
    EXPECT_EQ(again.at(model).dates, 1u) << model;
  // A trip's end may be on the next date, so the one before is looked at too.
  for (const char* model : {"treated.trip", "final.fact_delivery", "final.fact_delivery_state", "final.work_by_hour"})
    EXPECT_LE(again.at(model).dates, 3u) << model;
}

TEST_F(RunnerTest, a_table_that_was_made_whole_is_made_by_dates_and_its_old_file_goes) {
  bronze(over_midnight);
  run();
  for (Model& model : graph_.models)
    if (model.name == "final.work_by_hour") {
      model.made_of = 1;
      model.partition.clear();
      model.reach.clear();
      model.touches.clear();
    }
  run();
  ASSERT_EQ(catalog_->now()->of_table("final.work_by_hour").size(), 1u);
  const std::string whole = ask("final.work_by_hour", "hour_us, locations, deliveries", "1");
  graph_ = graph_of_the_tree();
  run();
  EXPECT_EQ(catalog_->now()->of_table("final.work_by_hour").size(), 2u);
  EXPECT_EQ(ask("final.work_by_hour", "hour_us, locations, deliveries", "1"), whole);
}

TEST_F(RunnerTest, whatever_step_it_is_killed_at_the_lake_is_whole_and_the_next_run_makes_it_good) {
  bronze(over_midnight);
  run();
  bronze("(6, 'd1', 'o1', 'on_the_way', '2026-01-02 00:05:00', 411530000, -86000000, NULL)");
  bool failed = true;
  for (uint64_t n = 1; failed; ++n) {
    for (const bool happens : {false, true}) {
      objects_->left = n;
      objects_->happens = happens;
      failed = !run_once(1).has_value();
      open_lake();
      EXPECT_TRUE(trips() == "2026-01-01 o1 3 222.0 1200.0 true\n" || trips() == "2026-01-01 o1 4 445.0 1200.0 true\n")
          << n << trips();
    }
    ASSERT_LT(n, 200u);
  }
  run();
  EXPECT_EQ(trips(), "2026-01-01 o1 4 445.0 1200.0 true\n");
  EXPECT_EQ(locations(), "1 0 false -\n2 0 false 111.0\n6 0 false 222.0\n4 0 false 111.0\n");
}

TEST_F(RunnerTest, a_test_that_fails_stops_what_reads_the_model_and_says_why) {
  for (Model& model : graph_.models)
    if (model.name == "treated.location")
      model.tests.push_back({.name = "never", .sql = "SELECT 1 FROM treated.location"});
  bronze(over_midnight);
  auto ran = run();
  EXPECT_EQ(ran["treated.location"].made, Made::failed);
  EXPECT_EQ(ran["treated.location"].why, "never: 3 rows");
  EXPECT_EQ(ran["treated.trip"].made, Made::blocked);
  EXPECT_EQ(ran["treated.trip"].why, "treated.location failed: never: 3 rows");
  EXPECT_EQ(trips(), "");
  EXPECT_EQ(run()["treated.location"].made, Made::failed);
  EXPECT_NE(ask("treated.test_result", "test, failing_rows", "1").find("never 3\n"), std::string::npos);
}

TEST_F(RunnerTest, rows_that_come_while_a_model_is_made_are_of_the_next_run) {
  bronze("(1, 'd', 'o', 'start', '2026-11-29 10:00:00', 411000000, -86000000, NULL)");
  objects_->before_location = [&] {
    bronze("(2, 'd', 'o', 'start', '2026-11-29 10:01:00', 411000000, -86100000, NULL)");
  };
  const auto first = run();
  EXPECT_EQ(first.at("treated.location").made, Made::made) << first.at("treated.location").why;
  EXPECT_EQ(first.at("treated.location").rows, 1u);
  EXPECT_EQ(run().at("treated.location").rows, 2u);
  EXPECT_EQ(run().at("treated.location").made, Made::current);
}

TEST_F(RunnerTest, the_ledger_of_runs_is_one_file_however_often_it_is_run) {
  for (int i = 0; i < 3; ++i) {
    bronze("(" + std::to_string(i + 1) + ", 'd', 'o', 'start', '2026-11-29 10:0" + std::to_string(i) +
           ":00', 411000000, -86000000, NULL)");
    run();
  }
  for (const char* table : {"treated.model_run", "treated.test_result"})
    EXPECT_EQ(catalog_->now()->of_table(table).size(), 1u) << table;
  const std::string runs = ask("treated.model_run", "run", "run");
  for (const char* run : {"1\n", "2\n", "3\n"}) EXPECT_NE(runs.find(run), std::string::npos) << runs;
}

}  // namespace
}  // namespace waybill::transform
