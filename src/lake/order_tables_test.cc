#include "lake/order_tables.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "lake/bronze_rows.h"
#include "lake/simulated_objects.h"

namespace waybill::lake {
namespace {

constexpr int64_t day_s = 86'400;

OrderCommand command(const std::string& order, OrderCommand::Kind kind, int64_t day) {
  OrderCommand said;
  said.kind = kind;
  said.order = OrderId(order);
  said.received_at = at_us(day * day_s * 1'000'000);
  return said;
}
OrderCommand given(const std::string& order, const std::string& deliverer, int64_t day) {
  OrderCommand said = command(order, OrderCommand::Kind::put, day);
  said.deliverer = DelivererId(deliverer);
  return said;
}

class OrderTablesTest : public testing::Test {
 protected:
  // A bronze file of these commands.
  void say(const std::vector<OrderCommand>& commands) {
    CommandRows rows;
    const Position from{.epoch = 1, .partition = 0, .offset = next_};
    for (const OrderCommand& said : commands) rows.add({.epoch = 1, .partition = 0, .offset = next_++}, said);
    const std::string content = *rows.to_parquet();
    const std::string key = "raw/commands-" + std::to_string(from.offset);
    ASSERT_TRUE(objects_.put(key, as_bytes(content), IfThere::conflict));
    lake_.files[key] = {.key = key,
                        .table = "raw.order_command",
                        .rows = commands.size(),
                        .crc32c = crc32c(as_bytes(content)),
                        .from = from,
                        .to = next_};
  }
  void locations_on(const std::vector<std::string>& dates) {
    const std::string key = "raw/locations-" + std::to_string(lake_.files.size());
    lake_.files[key] = {.key = key, .table = "raw.deliverer_location", .dates = dates};
  }

  // The files that were made; the snapshot has them then.
  std::vector<std::string> make() {
    auto change = make_order_tables(lake_, objects_, "transform", ++claim_);
    EXPECT_TRUE(change) << change.error().message;
    std::vector<std::string> made;
    if (!change || !*change) return made;
    for (const std::string& key : (*change)->remove) EXPECT_EQ(lake_.files.erase(key), 1u) << key;
    for (const DataFile& file : (*change)->add) {
      lake_.files[file.key] = file;
      made.push_back(file.table + " " + file.date + " " + std::to_string(file.rows));
    }
    for (const auto& [name, text] : (*change)->set) lake_.properties[name] = text;
    return made;
  }

  SimulatedObjects objects_;
  Snapshot lake_;
  uint64_t next_ = 1;
  uint64_t claim_ = 0;
};

using Made = std::vector<std::string>;

TEST_F(OrderTablesTest, an_assignment_stands_on_each_date_with_locations_that_it_covers) {
  locations_on({"1970-01-11", "1970-01-12", "1970-01-13", "1970-02-01"});
  say({given("a", "anna", 10), given("b", "bert", 5)});
  // Without an end: b on open_dates_max dates from the 6th on, a from the 11th on.
  EXPECT_EQ(make(),
            (Made{"treated.assignment 1970-01-11 2", "treated.assignment 1970-01-12 2",
                  "treated.assignment 1970-01-13 1", "treated.ordered 1970-01-06 1", "treated.ordered 1970-01-11 1"}));
  say({command("a", OrderCommand::Kind::close, 11)});
  EXPECT_EQ(make(), (Made{"treated.assignment 1970-01-11 2", "treated.assignment 1970-01-12 1",
                          "treated.assignment 1970-01-13 0", "treated.ordered 1970-01-11 1"}));
}

TEST_F(OrderTablesTest, an_end_that_comes_late_counts_whole_and_makes_no_date_again_on_which_it_stood_already) {
  locations_on({"1970-01-06", "1970-01-12", "1970-01-13", "1970-01-31"});
  say({given("b", "bert", 5)});
  EXPECT_EQ(make(), (Made{"treated.assignment 1970-01-06 1", "treated.assignment 1970-01-12 1",
                          "treated.ordered 1970-01-06 1"}));
  say({command("b", OrderCommand::Kind::close, 20)});
  EXPECT_EQ(make(), (Made{"treated.assignment 1970-01-13 1", "treated.ordered 1970-01-06 1"}));
}

TEST_F(OrderTablesTest, only_dates_whose_rows_are_others_are_made_again) {
  locations_on({"1970-01-11", "1970-01-21"});
  say({given("a", "anna", 10), given("b", "bert", 20)});
  make();
  EXPECT_EQ(make(), Made{});
  say({given("b", "bert", 20)});  // says nothing new
  EXPECT_EQ(make(), Made{});
  locations_on({"1970-01-12"});
  EXPECT_EQ(make(), Made{"treated.assignment 1970-01-12 1"});
}

TEST_F(OrderTablesTest, commands_are_taken_as_the_store_takes_them) {
  locations_on({"1970-01-11", "1970-01-12"});
  OrderCommand first = given("a", "anna", 10);
  first.client_id = "once";
  OrderCommand again = given("a", "bert", 11);
  again.client_id = "once";  // a second one with it does nothing
  OrderCommand nonsense = command("a", OrderCommand::Kind::reassign, 11);  // to nobody
  OrderCommand silent = command("c", OrderCommand::Kind::silent, 11);
  say({first, again, nonsense, silent});
  EXPECT_EQ(make(), (Made{"treated.assignment 1970-01-11 1", "treated.assignment 1970-01-12 1",
                          "treated.ordered 1970-01-11 1"}));
}

TEST_F(OrderTablesTest, commands_that_are_not_what_was_written_are_corrupt) {
  say({given("a", "anna", 10)});
  for (auto& [key, file] : lake_.files) file.crc32c ^= 1;
  const auto change = make_order_tables(lake_, objects_, "transform", 1);
  ASSERT_FALSE(change);
  EXPECT_EQ(change.error().code, Code::corrupt);
}

}  // namespace
}  // namespace waybill::lake
