// tests/data/json, each case in every place where JSON is taken.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "wire/json_in.h"
#include "wire/json_out.h"
#include "wire/json_text.h"

namespace waybill::wire {
namespace {

struct Case {
  std::string name;
  std::string text;
  bool accepted = false;
};

std::vector<Case> corpus() {
  std::vector<Case> cases;
  for (const auto& entry : std::filesystem::directory_iterator(JSON_CORPUS)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".json")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    cases.push_back({.name = name,
                     .text = {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()},
                     .accepted = name.starts_with("y_") || name.starts_with("i_yes_")});
  }
  return cases;
}

const std::string members = R"("order_id":1,"deliverer_id":"d","latitude":1,"longitude":2,"timestamp":1705309200)";
const std::string good = '{' + members + '}';

std::string skipped(const std::string& text) { return '{' + members + R"(,"skipped":)" + text + '}'; }

// The text as a JSON string. Bytes that are not UTF-8 stay, and make the string what they are.
std::string as_string(const std::string& text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view digits = "0123456789abcdef";
      made += "\\u00";
      made += digits[static_cast<unsigned char>(c) >> 4];
      made += digits[c & 15];
    } else {
      made += c;
    }
  }
  return made + '"';
}

bool refused_as_json(const std::string& reason) {
  return reason.starts_with("JSON: ") && !reason.contains("expected an object");
}

// Of one item of a body that was taken apart.
template <class T>
bool taken(const std::variant<T, ItemFailure>& item) {
  return std::holds_alternative<T>(item);
}

class JsonCorpus : public testing::Test {
 protected:
  InputParser parser_;
  JsonChecker checker_;
  InputOptions options_;
};

TEST_F(JsonCorpus, has_enough_of_each_kind) {
  const auto cases = corpus();
  EXPECT_GE(cases.size(), 150u);
  EXPECT_GE(std::ranges::count(cases, true, &Case::accepted), 50);
}

TEST_F(JsonCorpus, is_read_alike_by_the_quick_and_the_thorough_reader) {
  for (const Case& one : corpus()) {
    EXPECT_EQ(checker_.check(one.text).has_value(), one.accepted) << one.name;
    EXPECT_EQ(checker_.check("[1," + one.text + ']').has_value(), one.accepted) << one.name;
    EXPECT_EQ(checker_.check("[1e400," + one.text + ']').has_value(), one.accepted) << one.name;
    EXPECT_EQ(checker_.check(R"(["\udc00",)" + one.text + ']').has_value(), one.accepted) << one.name;
  }
}

TEST_F(JsonCorpus, is_accepted_and_refused_in_locations) {
  for (const Case& one : corpus()) {
    SCOPED_TRACE(one.name);
    const auto object = parser_.locations(skipped(one.text), BodyForm::json, options_);
    EXPECT_EQ(object && taken(object->at(0)), one.accepted);
    const auto array = parser_.locations('[' + good + ',' + skipped(one.text) + ']', BodyForm::json, options_);
    EXPECT_EQ(array && taken(array->at(1)), one.accepted);
    const auto element = parser_.locations('[' + good + ',' + one.text + ']', BodyForm::json, options_);
    EXPECT_EQ(element.has_value(), one.accepted);
    const auto whole = parser_.locations(one.text, BodyForm::json, options_);
    if (!whole && !json_trimmed(one.text).starts_with("\xef\xbb\xbf")) {
      EXPECT_EQ(refused_as_json(whole.error().message), !one.accepted) << whole.error().message;
    }
    if (one.text.contains('\n')) continue;
    const auto lines = parser_.locations(good + '\n' + skipped(one.text) + '\n' + good, BodyForm::ndjson, options_);
    ASSERT_TRUE(lines);
    ASSERT_EQ(lines->size(), 3u);
    EXPECT_TRUE(taken(lines->at(0)) && taken(lines->at(2))) << "a bad line spoils no other";
    EXPECT_EQ(taken(lines->at(1)), one.accepted);
  }
}

TEST_F(JsonCorpus, is_accepted_and_refused_in_orders_and_their_commands) {
  for (const Case& one : corpus()) {
    SCOPED_TRACE(one.name);
    const std::string order = R"({"order_id":1,"skipped":)" + one.text + '}';
    const auto object = parser_.orders(order, BodyForm::json, options_);
    EXPECT_EQ(object && taken(object->at(0)), one.accepted);
    const auto array = parser_.orders('[' + order + ']', BodyForm::json, options_);
    EXPECT_EQ(array && taken(array->at(0)), one.accepted);
    for (const auto kind : {OrderCommand::Kind::reassign, OrderCommand::Kind::close, OrderCommand::Kind::cancel}) {
      const auto command =
          parser_.order_command(kind, OrderId("1"), R"({"deliverer_id":"n","skipped":)" + one.text + '}', options_);
      EXPECT_EQ(command && taken(*command), one.accepted);
    }
  }
}

TEST_F(JsonCorpus, is_accepted_and_refused_in_the_first_systems_body_once_and_twice_encoded) {
  for (const Case& one : corpus()) {
    SCOPED_TRACE(one.name);
    const auto once = parser_.first_system(skipped(one.text), options_);
    EXPECT_EQ(once && taken(*once), one.accepted);
    const auto twice = parser_.first_system(as_string(skipped(one.text)), options_);
    EXPECT_EQ(twice && taken(*twice), one.accepted);
  }
}

TEST_F(JsonCorpus, is_kept_of_skipped_fields_as_it_was_sent) {
  for (const Case& one : corpus()) {
    if (!one.accepted) continue;
    SCOPED_TRACE(one.name);
    const auto items = parser_.locations(skipped(one.text), BodyForm::json, options_);
    ASSERT_TRUE(items && taken(items->at(0)));
    std::string compact;
    append_compact(compact, json_trimmed(one.text));
    EXPECT_EQ(std::get<Location>(items->at(0)).attributes, R"({"skipped":)" + compact + '}');
  }
}

TEST_F(JsonCorpus, takes_a_byte_order_mark_in_front_of_a_body_and_nowhere_else) {
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_TRUE(parser_.locations(mark + good, BodyForm::json, options_));
  EXPECT_TRUE(parser_.first_system(mark + good, options_));
  EXPECT_FALSE(parser_.locations(mark + mark + good, BodyForm::json, options_));
  EXPECT_FALSE(parser_.locations('[' + mark + good + ']', BodyForm::json, options_));
}

TEST_F(JsonCorpus, refuses_values_that_fields_of_ours_cannot_have_and_names_the_field) {
  const auto field_of = [&](const std::string& more, const std::string& instead_of) {
    std::string body = good;
    body.replace(body.find(instead_of), instead_of.size(), more);
    const auto items = parser_.locations(body, BodyForm::json, options_);
    if (!items || taken(items->at(0))) return std::string("accepted");
    return std::get<ItemFailure>(items->at(0)).field;
  };
  for (const char* value : {"1e400", "-1e400", "90.0000001", "null", "true", "\"1\"", "[1]", "{}"})
    EXPECT_EQ(field_of(R"("latitude":)" + std::string(value), R"("latitude":1)"), "latitude") << value;
  for (const char* value : {"123456789012345678901234567890", "1.5", "1e3", "\"\"", "\"\\u0000\"", "\"\\ud83d\"", "[]"})
    EXPECT_EQ(field_of(R"("order_id":)" + std::string(value), R"("order_id":1)"), "order_id") << value;
  for (const char* value : {"1e400", "-1", "\"yesterday\"", "\"\\ud83d\"", "99999999999999999999", "true"})
    EXPECT_EQ(field_of(R"("timestamp":)" + std::string(value), R"("timestamp":1705309200)"), "timestamp") << value;
  EXPECT_EQ(field_of(R"("order_id":1,"order_id":1)", R"("order_id":1)"), "order_id");
  EXPECT_EQ(field_of(R"("order_id":1,"\u006frder_id":1)", R"("order_id":1)"), "order_id") << "an escape is no disguise";
}

TEST_F(JsonCorpus, keeps_a_bad_item_of_any_size_out_of_the_way_of_the_others) {
  const std::string huge = '{' + members + R"(,"skipped":")" + std::string(3 << 20, 'x') + R"("})";
  const std::string name = R"({"order_id":1,"destination":{")" + std::string(100'000, 'n') + R"(":1}})";
  const auto items = parser_.locations('[' + good + ',' + huge + ']', BodyForm::json, options_);
  ASSERT_TRUE(items);
  EXPECT_TRUE(taken(items->at(0)));
  const auto& failure = std::get<ItemFailure>(items->at(1));
  EXPECT_LE(failure.raw.size(), item_bytes_max) << "it must fit into a record";
  EXPECT_EQ(failure.reason, "has more than 262144 bytes");
  const auto lines = parser_.locations(std::string(3 << 20, '{') + '\n' + good, BodyForm::ndjson, options_);
  EXPECT_LE(std::get<ItemFailure>(lines->at(0)).raw.size(), item_bytes_max);
  const auto orders = parser_.orders(name, BodyForm::json, options_);
  EXPECT_LE(std::get<ItemFailure>(orders->at(0)).field.size(), field_bytes_max);
  const auto address = parser_.orders(
      R"({"order_id":1,"destination":{"latitude":1,"longitude":2,"address":")" + std::string(5000, 'a') + R"("}})",
      BodyForm::json, options_);
  EXPECT_EQ(std::get<ItemFailure>(address->at(0)).field, "destination.address");
}

}  // namespace
}  // namespace waybill::wire
