#include "wire/erased_names.h"

#include <gtest/gtest.h>

namespace waybill::wire {
namespace {

using Left = ErasedNames::Left;

class ErasedNamesTest : public testing::Test {
 protected:
  ErasedNamesTest() { names.set_key({.high = 1, .low = 2}); }
  void erase(Erasure::Kind kind, const std::string& id) {
    names.add({.kind = kind, .name = names.hash_of(kind, id), .at = {}, .by = "admin"});
  }
  ErasedNames names;
};

Location seen(std::optional<std::string> order, std::optional<std::string> deliverer) {
  Location location;
  if (order) location.order = OrderId(*order);
  if (deliverer) location.deliverer = DelivererId(*deliverer);
  return location;
}

TEST_F(ErasedNamesTest, knows_a_name_by_its_hash_and_its_kind) {
  EXPECT_FALSE(names.any());
  erase(Erasure::Kind::deliverer, "7");
  EXPECT_TRUE(names.any());
  EXPECT_TRUE(names.has(Erasure::Kind::deliverer, "7"));
  EXPECT_FALSE(names.has(Erasure::Kind::order, "7"));
  EXPECT_FALSE(names.has(Erasure::Kind::deliverer, "77"));
  EXPECT_TRUE(names.has_scope("d7"));
  EXPECT_FALSE(names.has_scope("o7"));
  ErasedNames other;
  other.set_key({.high = 1, .low = 3});
  EXPECT_NE(other.hash_of(Erasure::Kind::deliverer, "7"), names.hash_of(Erasure::Kind::deliverer, "7"));
}

TEST_F(ErasedNamesTest, some_of_them_know_those_only) {
  erase(Erasure::Kind::deliverer, "7");
  const Erasure order{
      .kind = Erasure::Kind::order, .name = names.hash_of(Erasure::Kind::order, "A"), .at = {}, .by = {}};
  names.add(order);
  const ErasedNames some(names, std::span(&order, 1));
  EXPECT_TRUE(some.has(Erasure::Kind::order, "A"));
  EXPECT_FALSE(some.has(Erasure::Kind::deliverer, "7"));
  EXPECT_FALSE(ErasedNames(names, {}).any());
}

TEST_F(ErasedNamesTest, a_location_goes_whoever_of_its_two_was_erased) {
  erase(Erasure::Kind::deliverer, "7");
  erase(Erasure::Kind::order, "A");
  for (const Location& location : {seen("B", "7"), seen({}, "7"), seen("A", "8"), seen("A", {})}) {
    Record record = location;
    EXPECT_TRUE(names.names_one(record));
    EXPECT_EQ(names.take_out(record), Left::nothing);
  }
  Record other = seen("B", "8");
  EXPECT_EQ(names.take_out(other), Left::all);
  EXPECT_EQ(other, Record(seen("B", "8")));
}

TEST_F(ErasedNamesTest, another_order_stays_without_the_deliverer) {
  erase(Erasure::Kind::deliverer, "7");
  OrderCommand command;
  command.kind = OrderCommand::Kind::reassign;
  command.order = OrderId("A");
  command.deliverer = DelivererId("7");
  command.assignments = {{.deliverer = DelivererId("7"), .from = {}, .to = {}},
                         {.deliverer = DelivererId("8"), .from = {}, .to = {}}};
  Record record = command;
  EXPECT_EQ(names.take_out(record), Left::some);
  const auto& left = std::get<OrderCommand>(record);
  EXPECT_EQ(left.kind, OrderCommand::Kind::put);
  EXPECT_FALSE(left.deliverer);
  ASSERT_EQ(left.assignments->size(), 1u);
  EXPECT_EQ(left.assignments->front().deliverer.text, "8");
  EXPECT_FALSE(names.names_one(record));
}

TEST_F(ErasedNamesTest, what_an_amended_command_left_is_amended_again) {
  erase(Erasure::Kind::deliverer, "8");
  OrderCommand command;
  command.order = OrderId("A");
  command.deliverer = DelivererId("8");
  Remains remains{.carry = {.high = 5, .low = 6}, .rest = {}};
  encode_record(Record(command), remains.rest);
  Record record = remains;
  EXPECT_EQ(names.take_out(record), Left::some);
  EXPECT_EQ(std::get<Remains>(record).carry, remains.carry);
  EXPECT_FALSE(names.names_one(record));
}

TEST_F(ErasedNamesTest, a_credential_stays_taken_back_and_loses_its_subject) {
  erase(Erasure::Kind::deliverer, "7");
  Grant grant;
  grant.id = "j1";
  grant.revoked = true;
  grant.subject = "7";
  grant.note = "the phone of 7";
  Record record = grant;
  EXPECT_EQ(names.take_out(record), Left::some);
  EXPECT_TRUE(std::get<Grant>(record).revoked);
  EXPECT_EQ(std::get<Grant>(record).subject + std::get<Grant>(record).note, "");
}

TEST_F(ErasedNamesTest, quarantined_items_are_known_by_their_members_whatever_their_form) {
  erase(Erasure::Kind::deliverer, "7");
  const auto names_it = [&](const std::string& raw) {
    return names.names_one(Record(Quarantined{.source = "locations", .raw = raw}));
  };
  EXPECT_TRUE(names_it(R"({"deliverer_id": "7", "latitude": 91})"));
  EXPECT_TRUE(names_it(R"({"latitude": 91, "deliverer_id":7})"));
  EXPECT_FALSE(names_it(R"({"deliverer_id": "8", "note": "7"})"));
  EXPECT_FALSE(names_it("7,7,7"));
}

TEST_F(ErasedNamesTest, what_is_quarantined_goes_where_the_topic_names_who_was_erased) {
  erase(Erasure::Kind::deliverer, "anna");
  for (const char* source : {"mqtt waybill/anna", "mqtt owntracks/anna/phone", "mqtt anna"}) {
    Record record = Quarantined{.source = source, .field = {}, .reason = "no JSON", .raw = "{", .received_at = {}};
    EXPECT_EQ(names.take_out(record), Left::nothing) << source;
  }
  for (const char* source : {"mqtt waybill/anna-2", "mqtt waybill/", "waybill/anna"}) {
    Record record = Quarantined{.source = source, .field = {}, .reason = "no JSON", .raw = "{", .received_at = {}};
    EXPECT_EQ(names.take_out(record), Left::all) << source;
  }
}

}  // namespace
}  // namespace waybill::wire
