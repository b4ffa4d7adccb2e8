// Bodies that are read in the short way and in the long one: both give the same, to the byte.
#include "wire/plain_location.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace waybill::wire {
namespace {

const std::string_view plain_text =
    R"({"order_id":"o-1","deliverer_id":7,"delivery_state":"on_the_way","latitude":41.14961,"longitude":-8.61,)"
    R"("timestamp":"2026-01-05T09:00:50.123456Z","speed":7.250,"accuracy":4.50,"altitude":-0.0,"heading":360,)"
    R"("sent_at":1767603651,"event_id":"e-1"})";

size_t bytes_taken(std::string_view text, Location& location, const InputOptions& options = {}) {
  FieldReader fields(options.naive_offset, NumberForm::json);
  return PlainLocations(options, fields).read(text, 3, location);
}

size_t bytes_taken(std::string_view text) {
  Location location;
  return bytes_taken(text, location);
}

std::string with(std::string_view members) {
  return R"({"order_id":1,"latitude":1,"longitude":2,"timestamp":1705309200,)" + std::string(members) + '}';
}

// The parsers' other ways in are compared by json_fuzz over its corpus.
class BothWays : public testing::Test {
 protected:
  void expect_same(const std::string& body, BodyForm form) {
    SCOPED_TRACE(body.substr(0, 2000));
    ASSERT_EQ(quick_.locations(body, form, options_), thorough_.locations(body, form, options_));
  }
  void expect_same(const std::string& item) {
    expect_same(item, BodyForm::json);
    expect_same('[' + item + ']', BodyForm::json);
    expect_same('[' + std::string(plain_text) + " ,\t" + item + "\n]", BodyForm::json);
    expect_same('[' + item + ',' + std::string(plain_text) + ',' + item + ']', BodyForm::json);
    expect_same(std::string(plain_text) + "\r\n" + item + '\n' + std::string(plain_text), BodyForm::ndjson);
  }

  InputParser quick_{Reading::quick}, thorough_{Reading::thorough};
  InputOptions options_{.naive_offset = std::chrono::hours(1), .received_at = at_us(1'705'309'200'000'000)};
};

TEST(PlainLocation, is_taken_in_one_pass_with_all_that_it_says) {
  Location location;
  location.attributes = "of the one before";
  EXPECT_EQ(bytes_taken(plain_text, location), plain_text.size());
  EXPECT_EQ(bytes_taken(std::string(plain_text) + ", and more", location), plain_text.size());
  EXPECT_EQ(location.order->text, "o-1");
  EXPECT_EQ(location.deliverer->text, "7");
  EXPECT_TRUE(location.deliverer->integer);
  EXPECT_EQ(location.latitude, 41.14961);
  EXPECT_EQ(location.longitude, -8.61);
  EXPECT_EQ(location.heading_deg, 0);
  EXPECT_EQ(location.client_id, "e-1");
  EXPECT_EQ(location.attributes, "");
}

TEST(PlainLocation, is_plain_with_fields_of_others_in_any_order_and_with_white_space) {
  for (const char* members : {R"("battery":71)", R"("mock":false)", R"("note":null)", R"("note":"café, at the door")",
                              R"("accuracy":1.5,"b":-0.25,"speed":null)", "\n \"b\" \t: 1 \r\n"})
    EXPECT_NE(bytes_taken(with(members)), 0u) << members;
}

TEST(PlainLocation, is_left_to_the_long_way_where_it_is_not_sure) {
  for (const char* members :
       {R"("note":"a\nb")", R"("note":"a\u0041")", R"("b":[1])", R"("b":{})", R"("speed":1e3)", R"("order_id":1)",
        R"("speed":-1)", "\"note\":\"\xff\"", R"("b":01)", R"("b":1.)", R"("b":nul)", R"("b":truex)", R"("b":.5)",
        R"("b":-)", R"("b" 1)", R"("b":1,)", "\"b\":\"\x01\"", R"("\u0062":1)"})
    EXPECT_EQ(bytes_taken(with(members)), 0u) << members;
  EXPECT_EQ(bytes_taken("{}"), 0u);
  EXPECT_EQ(bytes_taken(""), 0u);
  EXPECT_EQ(bytes_taken(R"({"order_id":1})"), 0u) << "what is missing is told by the long way";
}

TEST(PlainLocation, ends_nowhere_before_its_end) {
  for (size_t bytes = 0; bytes < plain_text.size(); ++bytes) {
    // Memory of exactly these bytes, so that reading behind them is seen.
    const std::vector<char> cut(plain_text.begin(), plain_text.begin() + static_cast<ptrdiff_t>(bytes));
    EXPECT_EQ(bytes_taken({cut.data(), cut.size()}), 0u) << bytes;
  }
  const std::vector<char> whole(plain_text.begin(), plain_text.end());
  EXPECT_EQ(bytes_taken({whole.data(), whole.size()}), whole.size());
}

TEST(PlainLocation, has_its_fields_where_the_items_before_had_them_or_elsewhere) {
  const InputOptions options;
  FieldReader fields(options.naive_offset, NumberForm::json);
  PlainLocations locations(options, fields);
  std::vector<std::string> members = {R"("order_id":1)",           R"("latitude":1)", R"("longitude":2)",
                                      R"("timestamp":1705309200)", R"("speed":3)",    R"("other":4)"};
  for (int round = 0; round < 100; ++round) {
    std::string item;
    for (const std::string& member : members) item += (item.empty() ? '{' : ',') + member;
    item += '}';
    Location location;
    EXPECT_EQ(locations.read(item, 0, location), item.size()) << item;
    EXPECT_TRUE(location.latitude == 1 && location.longitude == 2 && location.speed_mps == 3) << item;
    if (round % 3 == 0) std::ranges::next_permutation(members);
  }
}

TEST(PlainLocation, of_a_token_is_the_deliverers_own) {
  Location location;
  EXPECT_NE(bytes_taken(with(R"("b":1)"), location, {.deliverer = "d"}), 0u);
  EXPECT_EQ(location.deliverer->text, "d");
  EXPECT_EQ(bytes_taken(with(R"("deliverer_id":"e")"), location, {.deliverer = "d"}), 0u);
  EXPECT_NE(bytes_taken(with(R"("b":1)"), location, {.idempotency_key = "k"}), 0u);
  EXPECT_EQ(location.client_id, "k#3");
}

TEST_F(BothWays, read_numbers_alike) {
  for (const char* number : {"0",
                             "-0",
                             "-0.0",
                             "1",
                             "-1",
                             "00",
                             "-",
                             "1.",
                             ".1",
                             "1.0",
                             "0.1",
                             "41.1496",
                             "89.999999999999999",
                             "90.0000001",
                             "41.149612345678901234567890",
                             "0.000000000000001",
                             "0.0000000000000001",
                             "999999999999999",
                             "9007199254740993",
                             "123456789012345678",
                             "1234567890123456789",
                             "9223372036854775808",
                             "18446744073709551616",
                             "1e2",
                             "1E-2",
                             "1e400",
                             "0.30000000000000004",
                             "2.2250738585072014",
                             "1705309200",
                             "1705309200.123456",
                             "1705309200123"})
    for (const char* field :
         {"latitude", "speed", "altitude", "order_id", "event_id", "timestamp", "sent_at", "other"}) {
      std::string item(R"({"latitude":1,"longitude":2,"timestamp":1705309200,"order_id":1})");
      const std::string name = '"' + std::string(field) + "\":";
      if (const size_t at = item.find(name); at != item.npos)
        item.replace(at + name.size(), item.find_first_of(",}", at) - at - name.size(), number);
      else
        item.insert(item.size() - 1, ',' + name + number);
      expect_same(item);
    }
}

TEST_F(BothWays, read_what_was_changed_at_random_alike) {
  constexpr std::string_view bytes = "\"\\{}[]:,.-+eE0123456789 \t\r\nnulltruefalse/\x7f\x01\xc3\xa9\xff";
  const uint64_t seed = random_seed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (int round = 0; round < 3'000; ++round) {
    std::string item =
        round % 2 == 0 ? std::string(plain_text) : with(R"("note":"café at the door","b":-12.5,"c":null)");
    for (uint64_t changes = 1 + random.below(3); changes > 0; --changes) {
      const size_t at = random.below(item.size());
      const char byte = bytes[random.below(bytes.size())];
      switch (random.below(4)) {
        case 0: item[at] = byte; break;
        case 1: item.insert(at, 1, byte); break;
        case 2: item.erase(at, 1 + random.below(4)); break;
        default: item.insert(at, item.substr(random.below(item.size()), random.below(12))); break;
      }
    }
    expect_same(item);
    if (HasFatalFailure()) return;
  }
}

TEST_F(BothWays, end_a_body_of_too_many_items_alike) {
  std::string body = "[";
  for (size_t i = 0; i < items_max; ++i) body += with(R"("b":1)") + ',';
  expect_same(body + with("\"b\":1") + ']', BodyForm::json);
  expect_same(body + with("\"b\":1") + "]]", BodyForm::json);
  body.back() = ']';
  expect_same(body, BodyForm::json);
}

TEST_F(BothWays, keep_to_the_limit_of_an_item_alike) {
  for (const size_t bytes : {item_bytes_max - 1, item_bytes_max, item_bytes_max + 1}) {
    std::string item = with("\"b\":1");
    item.insert(1, bytes - item.size(), ' ');
    expect_same(item);
  }
  for (const size_t more : {attributes_bytes_max - 10, attributes_bytes_max, attributes_bytes_max + 10})
    expect_same(with(R"("b":")" + std::string(more, 'x') + '"'));
}

}  // namespace
}  // namespace waybill::wire
