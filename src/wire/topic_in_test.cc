#include "wire/topic_in.h"

#include <gtest/gtest.h>

namespace waybill::wire {
namespace {

constexpr Time now = at_us(1'705'309'200'000'000);

class TopicsIn : public testing::Test {
 protected:
  Published& read(std::string_view topic, std::string_view bytes) {
    reader_.read(topic, bytes, now, published_);
    return published_;
  }
  std::string reason(std::string_view topic, std::string_view bytes) {
    read(topic, bytes);
    EXPECT_TRUE(published_.locations.empty());
    EXPECT_EQ(published_.failures.size(), 1u);
    return published_.failures.empty() ? "" : published_.failures[0].field + ": " + published_.failures[0].reason;
  }

 private:
  TopicReader reader_{
      *parse_topic_rules("owntracks/+/+=owntracks, waybill/+=waybill, test/deliverer_data=first_system, all/#=waybill"),
      {}};
  Published published_;
};

const std::string fix = R"({"order_id":1,"latitude":41.1,"longitude":-8.6,"timestamp":"2024-01-15T09:00:00Z"})";

TEST(TopicFilters, cover_what_mqtt_says_that_they_cover) {
  EXPECT_TRUE(covers("waybill/+", "waybill/7"));
  EXPECT_FALSE(covers("waybill/+", "waybill/7/8"));
  EXPECT_FALSE(covers("waybill/+", "waybill"));
  EXPECT_TRUE(covers("waybill/+", "waybill/"));
  EXPECT_TRUE(covers("owntracks/+/+", "owntracks/anna/phone"));
  EXPECT_FALSE(covers("owntracks/+/+", "owntracks/anna/phone/event"));
  EXPECT_TRUE(covers("a/#", "a"));
  EXPECT_TRUE(covers("a/#", "a/b/c"));
  EXPECT_TRUE(covers("#", "a/b"));
  EXPECT_FALSE(covers("a/b", "a/bb"));
  EXPECT_FALSE(covers("a/b", "a/b/"));
}

TEST(TopicFilters, name_somebody_where_they_have_their_first_plus) {
  EXPECT_EQ(named_in("owntracks/+/+", "owntracks/anna/phone"), "anna");
  EXPECT_EQ(named_in("+/fix", "anna/fix"), "anna");
  EXPECT_EQ(named_in("waybill/+", "waybill/"), "");
  EXPECT_EQ(named_in("test/deliverer_data", "test/deliverer_data"), std::nullopt);
  EXPECT_EQ(named_in("all/#", "all/anna"), std::nullopt);
}

TEST(TopicFilters, are_checked_when_they_are_read) {
  for (const char* good : {"a", "a/b", "+", "#", "a/+/b", "+/#", "a//b", "/a", "caf\xc3\xa9/+"})
    EXPECT_TRUE(is_topic_filter(good)) << good;
  for (const char* bad : {"", "a+", "a/#/b", "a#", "a b", "$share/x/a", "$SYS/#", "a\n"})
    EXPECT_FALSE(is_topic_filter(bad)) << bad;
  const auto rules = parse_topic_rules(" waybill/+ = waybill ,test/deliverer_data=first_system,");
  ASSERT_TRUE(rules);
  EXPECT_EQ(to_text(*rules), "waybill/+=waybill, test/deliverer_data=first_system");
  EXPECT_EQ(parse_topic_rules(to_text(*rules)), rules);
  for (const char* bad : {"waybill/+", "waybill/+=", "=waybill", "waybill/+=json", "a/#/b=waybill"})
    EXPECT_FALSE(parse_topic_rules(bad)) << bad;
}

TEST_F(TopicsIn, the_deliverer_is_who_the_topic_names_whatever_the_body_says) {
  EXPECT_EQ(read("waybill/anna", fix).locations.at(0).deliverer, DelivererId("anna"));
  const std::string of_bert = R"({"deliverer_id":"bert",)" + fix.substr(1);
  ASSERT_EQ(read("waybill/anna", of_bert).locations.size(), 1u);
  EXPECT_EQ(read("waybill/anna", of_bert).locations[0].deliverer, DelivererId("anna"));
  EXPECT_TRUE(read("waybill/anna", of_bert).names_deliverer);
  EXPECT_EQ(read("all/anna", of_bert).locations.at(0).deliverer, DelivererId("bert"));
  EXPECT_FALSE(read("all/anna", of_bert).names_deliverer);
  const std::string of_7 = R"({"deliverer_id":7,)" + fix.substr(1);
  EXPECT_TRUE(read("waybill/7", of_7).locations.at(0).deliverer->integer) << "it is the same name, as it was sent";
}

TEST_F(TopicsIn, our_own_form_is_one_location_or_several) {
  EXPECT_EQ(read("waybill/anna", fix).form, TopicForm::waybill);
  EXPECT_EQ(read("waybill/anna", fix).locations.at(0).received_at, now);
  EXPECT_EQ(read("waybill/anna", '[' + fix + ',' + fix + ']').locations.size(), 2u);
  read("waybill/anna", '[' + fix + R"(,{"latitude":1}])");
  EXPECT_EQ(read("waybill/anna", '[' + fix + R"(,{"latitude":1}])").locations.size(), 1u);
  EXPECT_EQ(read("waybill/anna", '[' + fix + R"(,{"latitude":1}])").failures.at(0).raw, R"({"latitude":1})");
}

TEST_F(TopicsIn, the_first_systems_object_comes_once_or_twice_encoded) {
  const std::string object = R"({"order_id":17,"deliverer_id":7,"delivery_state":"start","timestamp":)"
                             R"("2024-01-15T09:00:00","latitude":"41.1","longitude":-8.6})";
  std::string twice = "\"";
  for (const char c : object) twice += c == '"' ? "\\\"" : std::string(1, c);
  twice += '"';
  for (const std::string& body : {object, twice}) {
    const Published& published = read("test/deliverer_data", body);
    ASSERT_EQ(published.locations.size(), 1u) << body;
    EXPECT_EQ(published.form, TopicForm::first_system);
    EXPECT_EQ(published.locations[0].order, OrderId("17"));
    EXPECT_EQ(published.locations[0].deliverer, DelivererId("7"));
    EXPECT_EQ(published.locations[0].latitude, 41.1);
  }
  EXPECT_EQ(reason("test/deliverer_data", R"({"deliverer_id":7})"), "order_id: is required");
}

TEST_F(TopicsIn, owntracks_is_of_who_the_topic_names) {
  const std::string message = R"({"_type":"location","lat":41.15,"lon":-8.61,"tst":1705309200,"vel":36,"tid":"bt",)"
                              R"("topic":"owntracks/bert/phone"})";
  const Published& published = read("owntracks/anna/phone", message);
  ASSERT_EQ(published.locations.size(), 1u);
  EXPECT_EQ(published.form, TopicForm::owntracks);
  EXPECT_EQ(published.locations[0].deliverer, DelivererId("anna"));
  EXPECT_EQ(published.locations[0].fix_time, now);
  EXPECT_EQ(published.locations[0].speed_mps, 10);
  ASSERT_EQ(read("owntracks/anna/phone", R"({"_type":"lwt","tst":1})").words.size(), 1u);
  EXPECT_EQ(read("owntracks/anna/phone", R"({"_type":"lwt","tst":1})").words[0].deliverer, "anna");
  EXPECT_EQ(reason("owntracks/anna/phone", R"({"_type":"location","lat":99,"lon":0,"tst":1})").substr(0, 9),
            "latitude:");
  EXPECT_FALSE(reason("owntracks/anna/phone", "no JSON").empty());
}

TEST_F(TopicsIn, what_makes_no_sense_is_a_failure_as_it_came) {
  EXPECT_EQ(reason("waybill/anna", R"({"latitude":91,"longitude":0,"timestamp":0})").substr(0, 9), "latitude:");
  EXPECT_EQ(reason("waybill/anna", "\xff\xfe").substr(0, 6), ": JSON");
  EXPECT_EQ(read("waybill/anna", "\xff\xfe").failures[0].raw, "\xff\xfe");
  // The first item is good, but where it ends nobody knows.
  EXPECT_EQ(reason("waybill/anna", '[' + fix + ",{").substr(0, 6), ": JSON");
  EXPECT_EQ(read("waybill/anna", '[' + fix + ",{").failures[0].raw, '[' + fix + ",{");
  EXPECT_EQ(reason("elsewhere", fix), ": mqtt.topics has no filter for this topic");
  EXPECT_EQ(read("elsewhere", fix).form, std::nullopt);
  EXPECT_EQ(reason("waybill/", fix).substr(0, 32), ": the topic's deliverer is not e");
}

TEST_F(TopicsIn, a_message_that_is_too_large_is_kept_as_far_as_an_item_goes) {
  const std::string large = '[' + std::string(published_bytes_max, ' ') + ']';
  EXPECT_EQ(reason("waybill/anna", large), ": the message has more than 1048576 bytes");
  EXPECT_EQ(read("waybill/anna", large).failures[0].raw, large.substr(0, item_bytes_max));
}

TEST_F(TopicsIn, an_empty_message_says_nothing) {
  EXPECT_TRUE(read("waybill/anna", "").locations.empty());
  EXPECT_TRUE(read("waybill/anna", "").failures.empty());
}

}  // namespace
}  // namespace waybill::wire
