// Payloads are written after what the apps' documents and sources say of them (docs/PHONES.md).
#include "wire/phones/phone_in.h"

#include <gtest/gtest.h>
#include "wire/json_text.h"
#include "wire/phones/gathered.h"

namespace waybill::wire {
namespace {

const Time nine = at_us(1'768'467'600'000'000);  // 2026-01-15T09:00:00Z
const InputOptions open_door{.received_at = nine, .idempotency_key = {}, .deliverer = {}};
const InputOptions of_seven{.received_at = nine, .idempotency_key = {}, .deliverer = "7"};

std::string attribute(const Location& location, std::string_view name) {
  return std::string(location.attributes.empty() ? std::string_view() : member_of(location.attributes, name));
}

class Phone : public testing::Test {
 protected:
  // Everything that came of it since the last time.
  Gathered got() { return std::exchange(gathered_, {}); }
  Location only() {
    EXPECT_EQ(gathered_.locations.size(), 1u);
    EXPECT_TRUE(gathered_.failures.empty()) << gathered_.failures.front().reason;
    return gathered_.locations.size() == 1 ? got().locations.front() : Location{};
  }
  ItemFailure only_failure() {
    EXPECT_EQ(gathered_.failures.size(), 1u);
    EXPECT_TRUE(gathered_.locations.empty());
    return gathered_.failures.size() == 1 ? got().failures.front() : ItemFailure{};
  }

  void owntracks(std::string_view body, const InputOptions& options = of_seven, const PhoneSender& sender = {}) {
    EXPECT_TRUE(parser_.owntracks(body, sender, options, gathered_));
  }
  void osmand(const std::vector<NamedText>& parameters, const InputOptions& options = open_door) {
    EXPECT_TRUE(parser_.osmand(parameters, options, gathered_));
  }
  void osmand_json(std::string_view body, const std::vector<NamedText>& parameters = {}) {
    EXPECT_TRUE(parser_.osmand_json(body, parameters, open_door, gathered_));
  }

  Passphrases passphrases_ = {{"7", "correct horse"}};
  PhoneParser parser_{&passphrases_};
  Gathered gathered_;
};

// ---- OwnTracks

TEST_F(Phone, a_location_of_owntracks_is_in_si_units_and_keeps_what_is_not_ours_as_it_was_sent) {
  owntracks(R"({"_type":"location","_id":"a1b2c3d4","acc":12,"alt":-3,"batt":81,"bs":1,"cog":270,"conn":"m",)"
            R"("created_at":1768467595,"lat":41.15,"lon":-8.61,"m":1,"t":"u","tid":"an","topic":"owntracks/ann/phone",)"
            R"("tst":1768467590,"vac":4,"vel":36})");
  const Location location = only();
  EXPECT_EQ(location.deliverer->text, "7");
  EXPECT_EQ(location.fix_time, at_us(1'768'467'590'000'000));
  EXPECT_EQ(location.sent_at, at_us(1'768'467'595'000'000));
  EXPECT_EQ(location.received_at, nine);
  EXPECT_EQ(location.latitude, 41.15);
  EXPECT_EQ(location.longitude, -8.61);
  EXPECT_EQ(location.accuracy_m, 12);
  EXPECT_EQ(location.altitude_m, -3);
  EXPECT_EQ(location.speed_mps, 10);
  EXPECT_EQ(location.heading_deg, 270);
  EXPECT_EQ(location.client_id, "a1b2c3d4.1768467590");
  EXPECT_EQ(location.attributes,
            R"({"batt":81,"bs":1,"conn":"m","m":1,"t":"u","tid":"an","topic":"owntracks/ann/phone","vac":4})");
}

TEST_F(Phone, what_owntracks_leaves_out_or_calls_negative_is_unknown) {
  owntracks(R"({"_type":"location","lat":41,"lon":-8,"tst":1768467590,"vel":-1,"cog":-1,"acc":-1})");
  const Location location = only();
  EXPECT_FALSE(location.speed_mps || location.heading_deg || location.accuracy_m || location.altitude_m);
  EXPECT_TRUE(location.attributes.empty());
  EXPECT_TRUE(location.client_id.empty());
}

TEST_F(Phone, numbers_of_owntracks_may_come_as_texts) {
  owntracks(R"({"_type":"location","lat":"41.5","lon":"-8.5","tst":"1768467590","vel":"72","acc":"5"})");
  const Location location = only();
  EXPECT_EQ(location.latitude, 41.5);
  EXPECT_EQ(location.fix_time, at_us(1'768'467'590'000'000));
  EXPECT_EQ(location.speed_mps, 20);
  EXPECT_EQ(location.accuracy_m, 5);
}

TEST_F(Phone, without_a_token_the_sender_then_the_topic_then_the_tracker_id_say_whose_it_is) {
  const std::string both =
      R"({"_type":"location","lat":1,"lon":2,"tst":1768467590,"tid":"an","topic":"owntracks/ann/x"})";
  owntracks(both, open_door, {.user = "bob", .device = "tablet"});
  const Location by_sender = only();
  EXPECT_EQ(by_sender.deliverer->text, "bob");
  EXPECT_EQ(attribute(by_sender, "device"), R"("tablet")");
  owntracks(both, of_seven, {.user = "bob", .device = "tablet"});
  EXPECT_EQ(only().deliverer->text, "7");
  owntracks(both, open_door);
  EXPECT_EQ(only().deliverer->text, "ann");
  owntracks(R"({"_type":"location","lat":1,"lon":2,"tst":1768467590,"tid":"an"})", open_door);
  EXPECT_EQ(only().deliverer->text, "an");
  owntracks(R"({"_type":"location","lat":1,"lon":2,"tst":1768467590})", open_door);
  EXPECT_EQ(only_failure().field, "deliverer_id");
}

TEST_F(Phone, a_topic_names_user_and_device) {
  const PhoneSender ann{.user = "ann", .device = "phone"};
  EXPECT_EQ(sender_of_topic("owntracks/ann/phone"), ann);
  EXPECT_EQ(sender_of_topic("owntracks/ann/phone/event"), ann);
  for (const char* other : {"", "owntracks", "owntracks/ann", "owntracks//phone", "waybill/ann/phone"})
    EXPECT_FALSE(sender_of_topic(other)) << other;
}

TEST_F(Phone, other_messages_of_owntracks_are_no_locations_and_no_failures) {
  owntracks("");
  owntracks(R"({"_type":"transition","lat":1,"lon":2,"tst":1768467590,"event":"leave","tid":"an"})");
  owntracks(R"({"_type":"waypoint","lat":1,"lon":2,"tst":1768467590,"desc":"x"})");
  owntracks(R"({"_type":"card","name":"Ann"})");
  owntracks(R"([{"_type":"cmd","action":"reportLocation"},{"_type":"steps"}])");
  const Gathered all = got();
  EXPECT_TRUE(all.locations.empty() && all.failures.empty());
  EXPECT_EQ(all.words.size(), 5u);
}

TEST_F(Phone, a_status_says_what_keeps_a_phone_from_sending) {
  owntracks(R"({"_type":"status","android":{"wifi":0,"ps":1,"bo":1,"hib":0,"loc":-2}})");
  owntracks(R"({"_type":"status","iOS":{"locationManagerAuthorizationStatus":"kCLAuthorizationStatusDenied",)"
            R"("backgroundRefreshStatus":"UIBackgroundRefreshStatusAvailable"}})");
  owntracks(R"({"_type":"status","android":{"wifi":1,"ps":0,"bo":0,"hib":0,"loc":0}})");
  owntracks(R"({"_type":"lwt","tst":"1768467590"})");
  const auto words = got().words;
  ASSERT_EQ(words.size(), 4u);
  for (const PhoneWord& word : words) EXPECT_EQ(word.kind, PhoneWord::Kind::status);
  EXPECT_EQ(words[0].reason, "location_permission, power_save, battery_optimization");
  EXPECT_EQ(words[0].deliverer, "7");
  EXPECT_EQ(words[1].reason, "location_permission");
  EXPECT_EQ(words[2].reason, "");
  EXPECT_EQ(words[3].reason, "connection_lost");
}

TEST_F(Phone, what_makes_no_sense_is_a_failure_with_a_field_and_its_bytes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"_type":"location","lat":91,"lon":2,"tst":1768467590})", "latitude"},
      {R"({"_type":"location","lat":1,"lon":"east","tst":1768467590})", "longitude"},
      {R"({"_type":"location","lat":1,"lon":2,"tst":0})", "timestamp"},
      {R"({"_type":"location","lat":1,"lon":2})", "timestamp"},
      {R"({"_type":"location","lat":1,"lat":1,"lon":2,"tst":1768467590})", "latitude"},
      {R"({"_type":"location"})", "latitude"},
      {R"({"some":"thing"})", "_type"},
      {R"("a text")", ""},
      {R"({"_type":)", ""}};
  for (const auto& [body, field] : cases) {
    owntracks(body);
    const ItemFailure failure = only_failure();
    EXPECT_EQ(failure.field, field) << body;
    EXPECT_EQ(failure.raw, body);
    EXPECT_FALSE(failure.reason.empty());
  }
}

// {"_type":"location","lat":41,"lon":-8,"tst":1768467590,"vel":36} under "correct horse" and a nonce of 0, 1, 2 …
constexpr std::string_view sealed =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXirG99Pr1EWnfvgYi20fNVqwP6tI472fOl80/VsQLiPPXCvF8Efgah/mSYkjYZa8UdPjZ"
    "mZ355CTMc9Pr5G1N/OomYxqBhJKfvNWlW3GTLgk=";

std::string encrypted(std::string_view data) { return R"({"_type":"encrypted","data":")" + std::string(data) + "\"}"; }

TEST_F(Phone, an_encrypted_message_is_opened_with_the_passphrase_of_its_deliverer) {
  owntracks(encrypted(sealed));
  const Location location = only();
  EXPECT_EQ(location.speed_mps, 10);
  EXPECT_EQ(location.deliverer->text, "7");
}

TEST_F(Phone, an_encrypted_message_that_cannot_be_opened_or_read_is_a_failure) {
  // Of another passphrase, no JSON, and encrypted twice; then of nobody who has a passphrase.
  const std::vector<std::string_view> texts = {
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXW8uoUcXU3XZExIZ4hMafOynDRdFu7FQea6bp9oGt0zi9xM/96Jeac4syjauATPi9r+J5"
      "rH/tMQWBtpBQ3vm0cI50qd3q+emWFneZrKgNAPw=",
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXdRL9LZIKTy24oSqJbwRUcrlClewS0Ew=",
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXUhdFJgg1G2kEABpj3XyLqawP6tI472fOl802V8QYherMAbdyH7Yfkq/JdEPWBoI+WZuU"
      "5eOXoTP2RKC+mR469JFULG7q8dbwn/abIBPJajN0e3Jw6g/QGwPwIuEfu/7CrIlZDrx/cLfVEdo4ortLIY3cegoo3ubr6nrjPTX/"
      "J3Ef8mdptcB24bUxEOIlhAubdmTTBdpKIgtnV2Xyyf3cQ8IiYZj5NEXn/pGosdOJOuKkJdItH70tGURPVg==",
      "TestCipherText", ""};
  for (const std::string_view text : texts) {
    owntracks(encrypted(text));
    EXPECT_EQ(only_failure().field, "data") << text;
  }
  owntracks(encrypted(sealed), open_door);
  EXPECT_EQ(only_failure().field, "data");
}

// ---- Traccar Client, OsmAnd, GPSLogger

TEST_F(Phone, parameters_of_osmand_are_a_location_with_its_speed_in_knots) {
  osmand({{"id", "123456"},
          {"timestamp", "1768467590"},
          {"lat", "41.15"},
          {"lon", "-8.61"},
          {"speed", "36"},
          {"bearing", "7.5"},
          {"altitude", "12.5"},
          {"accuracy", "4"},
          {"hdop", "0.0"},
          {"batt", "87"},
          {"charge", "false"},
          {"mock", "true"},
          {"alarm", "sos"},
          {"rpm", ""}});
  const Location location = only();
  EXPECT_EQ(location.deliverer->text, "123456");
  EXPECT_EQ(location.fix_time, at_us(1'768'467'590'000'000));
  EXPECT_NEAR(*location.speed_mps, 18.52, 1e-12);
  EXPECT_EQ(location.heading_deg, 7.5);
  EXPECT_EQ(location.altitude_m, 12.5);
  EXPECT_EQ(location.accuracy_m, 4);
  EXPECT_EQ(location.attributes, R"({"hdop":0.0,"batt":87,"charge":false,"mock":true,"alarm":"sos","rpm":""})");
}

TEST_F(Phone, the_unit_of_the_speed_can_be_said) {
  const auto speed_in = [&](const std::string& unit) {
    osmand(
        {{"id", "1"}, {"lat", "1"}, {"lon", "2"}, {"timestamp", "1768467590"}, {"speed", "36"}, {"speed_unit", unit}});
    return only().speed_mps;
  };
  EXPECT_EQ(speed_in("mps"), 36);
  EXPECT_EQ(speed_in("kmh"), 10);
  EXPECT_NEAR(*speed_in("kn"), 18.52, 1e-12);
  osmand({{"id", "1"}, {"lat", "1"}, {"lon", "2"}, {"speed", "36"}, {"speed_unit", "furlongs"}});
  EXPECT_EQ(only_failure().field, "speed_unit");
}

TEST_F(Phone, times_of_osmand_come_in_many_forms) {
  for (const char* time : {"1768467590", "1768467590000", "2026-01-15T08:59:50Z", "2026-01-15 08:59:50",
                           "2026-01-15T09:59:50+01:00", "2026-01-15T09:59:50 01:00", "2026-01-15 08:59:50.000"}) {
    osmand({{"deviceid", "1"}, {"location", "41.5,-8.5"}, {"timestamp", time}});
    const Location location = only();
    EXPECT_EQ(location.fix_time, at_us(1'768'467'590'000'000)) << time;
    EXPECT_EQ(location.latitude, 41.5);
    EXPECT_EQ(location.longitude, -8.5);
  }
  osmand({{"id", "1"}, {"lat", "1"}, {"lon", "2"}, {"timestamp", "yesterday"}});
  EXPECT_EQ(only_failure().field, "timestamp");
}

TEST_F(Phone, a_fix_of_osmand_without_a_time_is_of_when_it_comes) {
  osmand({{"id", "1"}, {"lat", "1"}, {"lon", "2"}});
  EXPECT_EQ(only().fix_time, nine);
}

TEST_F(Phone, without_a_position_it_is_a_heartbeat) {
  osmand({{"id", "123456"}, {"timestamp", "1768467590"}, {"cell", "257,02,16,2224"}, {"cell", "257,02,16,2223,-90"}});
  osmand_json(R"({"device_id":"123456","location":{"timestamp":"2026-01-15T09:00:00Z","event":"heartbeat"}})");
  const Gathered all = got();
  EXPECT_TRUE(all.locations.empty() && all.failures.empty());
  ASSERT_EQ(all.words.size(), 2u);
  for (const PhoneWord& word : all.words)
    EXPECT_EQ(word, (PhoneWord{.kind = PhoneWord::Kind::heartbeat, .deliverer = "123456", .reason = {}}));
}

TEST_F(Phone, half_a_position_and_nobodys_position_are_failures) {
  osmand({{"id", "1"}, {"lat", "1"}, {"timestamp", "1768467590"}});
  EXPECT_EQ(only_failure().field, "longitude");
  osmand({{"lat", "1"}, {"lon", "2"}, {"timestamp", "1768467590"}});
  const ItemFailure nobody = only_failure();
  EXPECT_EQ(nobody.field, "deliverer_id");
  EXPECT_EQ(nobody.raw, R"({"lat":1,"lon":2,"timestamp":1768467590})");
  osmand({{"id", "1"}, {"location", "here"}});
  EXPECT_EQ(only_failure().field, "latitude");
}

TEST_F(Phone, the_token_says_whose_it_is_and_the_phones_own_id_is_kept) {
  osmand({{"id", "phone-3"}, {"lat", "1"}, {"lon", "2"}, {"timestamp", "1768467590"}}, of_seven);
  const Location location = only();
  EXPECT_EQ(location.deliverer->text, "7");
  EXPECT_EQ(attribute(location, "id"), R"("phone-3")");
}

TEST_F(Phone, what_is_no_measurement_does_not_cost_a_fix_its_place) {
  osmand({{"id", "1"},
          {"lat", "1"},
          {"lon", "2"},
          {"timestamp", "1768467590"},
          {"altitude", "NaN"},
          {"bearing", "725"},
          {"speed", "-1"},
          {"accuracy", ""},
          {"latitude", "5"}});
  const Location location = only();
  EXPECT_FALSE(location.altitude_m || location.heading_deg || location.speed_mps || location.accuracy_m);
  EXPECT_EQ(location.attributes, R"({"sent_altitude":"NaN","bearing":725,"sent_latitude":5})");
}

TEST_F(Phone, an_order_can_be_named) {
  osmand({{"id", "1"},
          {"lat", "1"},
          {"lon", "2"},
          {"timestamp", "1768467590"},
          {"order_id", "1001"},
          {"delivery_state", "on_the_way"}});
  const Location location = only();
  EXPECT_EQ(location.order->text, "1001");
  EXPECT_EQ(location.state, DeliveryState::on_the_way);
}

TEST_F(Phone, more_parameters_than_any_phone_sends_make_no_sense) {
  osmand(std::vector<NamedText>(phone_parameters_max + 1, {"cell", "1"}));
  EXPECT_TRUE(only_failure().raw.starts_with("cell=1\n"));
}

TEST_F(Phone, traccar_client_9_sends_metres_a_second_in_json) {
  osmand_json(
      R"({"location":{"timestamp":"2026-01-15T08:59:50.587Z","coords":{"latitude":41.15,"longitude":-8.61,)"
      R"("accuracy":4.3,"speed":-1,"heading":158.4,"altitude":103},"is_moving":true,"odometer":12,"event":"motionchange",)"
      R"("battery":{"level":0.88,"is_charging":false},"activity":{"type":"still"},"mock":true,"extras":{},"_":"&id=1"},)"
      R"("device_id":"82879256"})");
  const Location location = only();
  EXPECT_EQ(location.deliverer->text, "82879256");
  EXPECT_EQ(location.fix_time, at_us(1'768'467'590'587'000));
  EXPECT_EQ(location.accuracy_m, 4.3);
  EXPECT_FALSE(location.speed_mps);
  EXPECT_EQ(location.heading_deg, 158.4);
  EXPECT_EQ(attribute(location, "mock"), "true");
  EXPECT_EQ(attribute(location, "battery"), R"({"level":0.88,"is_charging":false})");
  EXPECT_EQ(attribute(location, "_"), "");
}

TEST_F(Phone, traccar_client_10_may_send_an_array_of_flat_objects) {
  osmand_json(
      R"([{"id":"1","lat":1,"lon":2,"timestamp":1768467590,"speed":36},{"lat":"3","lon":4,"timestamp":1768467591}])",
      {{"id", "9"}, {"speed_unit", "mps"}});
  const Gathered all = got();
  ASSERT_EQ(all.locations.size(), 2u);
  EXPECT_EQ(all.locations[0].deliverer->text, "9");  // the query goes before
  EXPECT_EQ(all.locations[0].speed_mps, 36);
  EXPECT_EQ(all.locations[1].latitude, 3);
}

// ---- Overland

TEST_F(Phone, a_batch_of_overland_and_the_current_fix_with_its_trip) {
  const std::string body =
      R"({"locations":[{"type":"Feature","geometry":{"type":"Point","coordinates":[-8.61,41.15,20]},"properties":{)"
      R"("timestamp":"2026-01-15T08:59:50Z","altitude":21,"speed":4,"horizontal_accuracy":30,"vertical_accuracy":-1,)"
      R"("course":90,"motion":["driving"],"battery_state":"charging","battery_level":0.8,"device_id":"bike 1"}}],)"
      R"("current":{"type":"Feature","geometry":{"type":"Point","coordinates":[-8.62,41.16]},"properties":{)"
      R"("timestamp":"2026-01-15T08:59:55Z","device_id":"bike 1","speed":-1,"course":-1}},"trip":{"mode":"bicycle"}})";
  ASSERT_TRUE(parser_.overland(body, {}, open_door, gathered_));
  const Gathered all = got();
  EXPECT_TRUE(all.failures.empty());
  ASSERT_EQ(all.locations.size(), 2u);
  const Location& first = all.locations[0];
  EXPECT_EQ(first.deliverer->text, "bike 1");
  EXPECT_EQ(first.latitude, 41.15);
  EXPECT_EQ(first.longitude, -8.61);
  EXPECT_EQ(first.altitude_m, 21);
  EXPECT_EQ(first.speed_mps, 4);
  EXPECT_EQ(first.accuracy_m, 30);
  EXPECT_EQ(first.heading_deg, 90);
  EXPECT_EQ(first.attributes,
            R"({"vertical_accuracy":-1,"motion":["driving"],"battery_state":"charging","battery_level":0.8})");
  EXPECT_FALSE(all.locations[1].speed_mps || all.locations[1].heading_deg);
  EXPECT_EQ(all.locations[1].attributes, R"({"trip":{"mode":"bicycle"}})");
}

TEST_F(Phone, a_bad_feature_of_overland_does_not_hold_up_the_others) {
  ASSERT_TRUE(parser_.overland(
      R"({"locations":[{"type":"Feature","geometry":null,"properties":{"timestamp":"2026-01-15T08:59:50Z"}},7,)"
      R"({"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"timestamp":"2026-01-15T08:59:50Z"}}]})",
      {}, of_seven, gathered_));
  const Gathered all = got();
  EXPECT_EQ(all.locations.size(), 1u);
  ASSERT_EQ(all.failures.size(), 2u);
  EXPECT_EQ(all.failures[0].field, "latitude");
  EXPECT_EQ(all.failures[1].raw, "7");
  for (const char* body : {"[]", "{}", R"({"trip":{}})"}) {
    ASSERT_TRUE(parser_.overland(body, {}, of_seven, gathered_));
    EXPECT_EQ(only_failure().raw, body);
  }
  ASSERT_TRUE(parser_.overland(R"({"locations":[]})", {}, of_seven, gathered_));
  EXPECT_TRUE(got().failures.empty());
}

// ---- Transistor, MDS

TEST_F(Phone, locations_of_transistor_carry_their_uuid_and_the_order_of_their_extras) {
  const std::string one =
      R"({"timestamp":"2026-01-15T08:59:50.000Z","uuid":"c56a4180-65aa-42ec-a945-5fd21dec0538","event":"motionchange",)"
      R"("is_moving":true,"odometer":120.5,"coords":{"latitude":41.15,"longitude":-8.61,"accuracy":5,"speed":3.2,)"
      R"("speed_accuracy":0.5,"heading":-1,"altitude":10},"activity":{"type":"on_bicycle","confidence":90},)"
      R"("battery":{"level":-1,"is_charging":false},"extras":{"order_id":1001,"delivery_state":"start","shift":"late"}})";
  ASSERT_TRUE(
      parser_.transistor(R"({"location":[)" + one + "," + one + R"(],"device_id":"d9"})", {}, open_door, gathered_));
  ASSERT_TRUE(parser_.transistor(R"({"location":)" + one + "}", {}, of_seven, gathered_));
  ASSERT_TRUE(parser_.transistor("[" + one + "]", {}, of_seven, gathered_));
  const Gathered all = got();
  EXPECT_TRUE(all.failures.empty());
  ASSERT_EQ(all.locations.size(), 4u);
  const Location& first = all.locations.front();
  EXPECT_EQ(first.deliverer->text, "d9");
  EXPECT_EQ(first.client_id, "c56a4180-65aa-42ec-a945-5fd21dec0538");
  EXPECT_EQ(first.order->text, "1001");
  EXPECT_EQ(first.state, DeliveryState::start);
  EXPECT_EQ(first.speed_mps, 3.2);
  EXPECT_FALSE(first.heading_deg);
  EXPECT_EQ(attribute(first, "extras"), R"({"order_id":1001,"delivery_state":"start","shift":"late"})");
  EXPECT_EQ(attribute(first, "speed_accuracy"), "0.5");
  EXPECT_EQ(all.locations.back().deliverer->text, "7");
}

TEST_F(Phone, telemetry_of_mds_has_its_id) {
  ASSERT_TRUE(parser_.mds(
      R"([{"device_id":"d1","provider_id":"p","telemetry_id":"t1","timestamp":1768467590123,"trip_ids":["x"],)"
      R"("journey_id":null,"location":{"lat":41.15,"lng":-8.61,"altitude":5,"heading":null,"speed":2.5,"horizontal_accuracy":7}},)"
      R"({"device_id":"d1","provider_id":"p","telemetry_id":"t2","timestamp":1768467590123,"location":{"lat":41.15}}])",
      {}, open_door, gathered_));
  const Gathered all = got();
  ASSERT_EQ(all.locations.size(), 1u);
  const Location& location = all.locations.front();
  EXPECT_EQ(location.client_id, "t1");
  EXPECT_EQ(location.deliverer->text, "d1");
  EXPECT_EQ(location.fix_time, at_us(1'768'467'590'123'000));
  EXPECT_EQ(location.speed_mps, 2.5);
  EXPECT_EQ(location.attributes, R"({"provider_id":"p","trip_ids":["x"],"journey_id":null})");
  ASSERT_EQ(all.failures.size(), 1u);
  EXPECT_EQ(all.failures.front().field, "longitude");
}

TEST_F(Phone, apps_are_told_apart_by_what_they_send) {
  EXPECT_EQ(parser_.app_of(R"({"_type":"cmd"})"), PhoneApp::owntracks);
  EXPECT_EQ(parser_.app_of(R"([{"_type":"location"}])"), PhoneApp::owntracks);
  EXPECT_EQ(parser_.app_of(R"({"locations":[]})"), PhoneApp::overland);
  EXPECT_EQ(parser_.app_of(R"([{"telemetry_id":"t","location":{}}])"), PhoneApp::mds);
  EXPECT_EQ(parser_.app_of(R"([{"coords":{}}])"), PhoneApp::transistor);
  for (const char* other :
       {"", "{", "7", "[]", "[7]", "{}", R"({"location":{},"device_id":"1"})", R"([{"lat":1,"lon":2}])"})
    EXPECT_FALSE(parser_.app_of(other)) << other;
}

TEST_F(Phone, more_items_than_are_taken_are_refused_as_a_whole) {
  std::string body = R"([)";
  for (size_t i = 0; i <= items_max; ++i) body += "0,";
  body.back() = ']';
  const auto read = parser_.mds(body, {}, open_door, gathered_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::overloaded);
}

}  // namespace
}  // namespace waybill::wire
