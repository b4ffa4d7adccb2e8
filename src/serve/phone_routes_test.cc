#include "ingest/silence.h"
#include "serve/api_fixture.h"
#include "serve/router.h"
#include "wire/json_text.h"

namespace waybill::serve {
namespace {

const std::string fix_of_owntracks =
    R"({"_type":"location","_id":"a1","lat":41.15,"lon":-8.61,"tst":1705309190,"vel":36,"batt":81,"topic":"owntracks/7/phone"})";

class PhoneRoutes : public Api {
 protected:
  PhoneRoutes() {
    ApiParts with_phones = parts();
    with_phones.passphrases = &passphrases_;
    with_phones.phone_words = &words_;
    routes_ = api_routes(with_phones);
  }
  std::vector<store::Kept> track(const std::string& deliverer) {
    store::TrackQuery query;
    query.deliverer = DelivererId(deliverer);
    const auto page = store_->track(query);
    EXPECT_TRUE(page);
    return page ? page->locations : std::vector<store::Kept>{};
  }
  bool counted(std::string_view line) { return metrics_->expose().find(line) != std::string::npos; }
  void send_location(std::string_view order, std::string_view deliverer) {
    const std::string body = R"({"order_id":")" + std::string(order) + R"(","deliverer_id":")" +
                             std::string(deliverer) +
                             R"(","delivery_state":"start","latitude":1,"longitude":2,"timestamp":1705309200})";
    ASSERT_EQ(post("/v1/locations", body).status, 200);
  }

  wire::Passphrases passphrases_;
  ingest::PhoneWords words_;
};

TEST_F(PhoneRoutes, each_app_gets_exactly_what_empties_its_queue) {
  const Reply owntracks = post("/pub", fix_of_owntracks);
  EXPECT_EQ(owntracks.status, 200);
  EXPECT_EQ(owntracks.body, "[]");
  EXPECT_EQ(post("/owntracks", "").body, "[]");
  const Reply osmand = get("/osmand", {}, "id=8&lat=1&lon=2&timestamp=1705309190");
  EXPECT_EQ(osmand.status, 200);
  EXPECT_EQ(osmand.body, "");
  EXPECT_EQ(get("/", {}, "id=8&lat=1&lon=2&timestamp=1705309191").body, "");
  EXPECT_EQ(post("/", "id=8&lat=1&lon=2&timestamp=1705309192").body, "");
  const Reply overland = post("/overland", R"({"locations":[]})");
  EXPECT_EQ(overland.status, 200);
  EXPECT_EQ(overland.body, R"({"result":"ok"})");
  EXPECT_EQ(post("/transistor", R"({"location":[]})").status, 200);
  const Reply mds = post("/mds/telemetry", R"([{"device_id":"d","telemetry_id":"t","timestamp":1705309190000,)"
                                           R"("location":{"lat":1,"lng":2}}])");
  EXPECT_EQ(mds.status, 201);
  EXPECT_EQ(mds.body, R"({"success":1,"total":1,"failures":[]})");
  EXPECT_EQ(track("7").size(), 1u);
  EXPECT_EQ(track("8").size(), 3u);
  EXPECT_EQ(track("d").size(), 1u);
}

TEST_F(PhoneRoutes, what_makes_no_sense_is_answered_like_what_does_and_is_quarantined_and_counted) {
  EXPECT_EQ(post("/pub", R"({"_type":"location","lat":95,"lon":2,"tst":1705309190,"tid":"an"})").body, "[]");
  EXPECT_EQ(post("/pub", "no JSON").body, "[]");
  EXPECT_EQ(post("/overland", "[]").body, R"({"result":"ok"})");
  EXPECT_EQ(get("/osmand", {}, "id=8&lat=1&timestamp=1705309190&token=secret").status, 200);
  const Reply mds = post("/mds/telemetry", R"([{"device_id":"d","timestamp":1,"location":{"lat":1}}])");
  EXPECT_EQ(mds.status, 201);
  EXPECT_TRUE(has(mds, R"("success":0,"total":1,"failures":[{"item":{"device_id":"d","timestamp":1,)"));
  EXPECT_TRUE(wire::JsonChecker().check(post("/mds/telemetry", R"({"a":)").body));
  EXPECT_TRUE(counted(R"(waybill_phones_quarantined_total{app="owntracks",reason="latitude"} 1)"));
  EXPECT_TRUE(counted(R"(waybill_phones_quarantined_total{app="owntracks",reason="form"} 1)"));
  EXPECT_TRUE(counted(R"(waybill_phones_quarantined_total{app="osmand",reason="longitude"} 1)"));
  EXPECT_TRUE(counted(R"(waybill_phones_messages_total{app="mds",kind="quarantined"} 2)"));
  const Reply quarantine = get("/v1/quarantine");
  EXPECT_TRUE(has(quarantine, R"("source":"owntracks")"));
  EXPECT_TRUE(has(quarantine, "no JSON"));
  EXPECT_FALSE(has(quarantine, "secret"));
}

TEST_F(PhoneRoutes, at_the_common_path_apps_are_told_apart_by_what_they_send) {
  EXPECT_EQ(post("/", fix_of_owntracks).body, "[]");
  EXPECT_EQ(post("/osmand", R"({"locations":[]})").body, R"({"result":"ok"})");
  EXPECT_EQ(post("/", R"({"location":{"timestamp":"2024-01-15T08:59:50Z","coords":{"latitude":1,"longitude":2}},)"
                      R"("device_id":"9"})")
                .body,
            "");
  EXPECT_EQ(track("7").size(), 1u);
  EXPECT_EQ(track("9").size(), 1u);
}

TEST_F(PhoneRoutes, the_token_says_whose_it_is) {
  who_ = std::make_shared<const Principal>(Principal{.role = Role::deliverer, .subject = "42", .credential = "c"});
  EXPECT_EQ(post("/pub", fix_of_owntracks, {}, "u=bob&d=tablet").body, "[]");
  EXPECT_EQ(get("/osmand", {}, "id=8&lat=1&lon=2&timestamp=1705309190&token=abc").status, 200);
  const auto kept = track("42");
  ASSERT_EQ(kept.size(), 2u);
  for (const store::Kept& one : kept) EXPECT_EQ(one.location.attributes.find("abc"), std::string::npos);
  EXPECT_TRUE(track("7").empty() && track("8").empty() && track("bob").empty());
}

TEST_F(PhoneRoutes, a_deliverers_phone_cannot_move_an_order_that_another_one_carries) {
  ASSERT_EQ(post("/v1/orders", R"({"order_id":"o1","deliverer_id":"9"})").status, 200);
  who_ = std::make_shared<const Principal>(Principal{.role = Role::deliverer, .subject = "42", .credential = "c"});
  EXPECT_EQ(get("/osmand", {}, "lat=1&lon=2&timestamp=1705309190&order_id=o1").status, 200);
  EXPECT_TRUE(track("42").empty());
  EXPECT_TRUE(counted(R"(waybill_phones_quarantined_total{app="osmand",reason="order_id"} 1)"));
}

TEST_F(PhoneRoutes, head_sends_nothing) {
  for (const Route& route : routes_) {
    if (route.method != Method::get || route.pattern != "/osmand") continue;
    const Reply reply = route.handler({.method = Method::head, .path = "/osmand", .query = "id=8&lat=1&lon=2"});
    EXPECT_EQ(reply.status, 200);
    EXPECT_FALSE(reply.after);
  }
}

TEST_F(PhoneRoutes, the_query_tells_a_phone_from_who_wants_the_page) {
  std::vector<Route> both = {{.method = Method::get, .pattern = "/", .handler = {}, .told_by = {"id", "deviceid"}},
                             {.method = Method::get, .act = Act::greet, .pattern = "/", .handler = {}}};
  const Router router(std::move(both));
  std::vector<std::string> params;
  for (const char* phone : {"id=1", "lat=1&deviceid=2", "id"})
    EXPECT_FALSE(router.find(Method::get, "/", phone, params).route->told_by.empty()) << phone;
  for (const char* page : {"", "order=1", "lat=1&ids=2", "x=id"})
    EXPECT_TRUE(router.find(Method::get, "/", page, params).route->told_by.empty()) << page;
  EXPECT_EQ(router.find(Method::put, "/", "", params).allow, "GET, HEAD");
}

TEST_F(PhoneRoutes, a_status_is_why_an_order_is_silent) {
  ASSERT_EQ(post("/v1/orders", R"([{"order_id":"o1","deliverer_id":"7"},{"order_id":"o2","deliverer_id":"8"}])").status,
            200);
  send_location("o1", "7");
  send_location("o2", "8");
  const std::string status = R"({"_type":"status","android":{"loc":-2},"topic":"owntracks/7/phone/status"})";
  EXPECT_EQ(post("/pub", status).body, "[]");
  ingest::Silence silence(*journal_, *store_, *acceptor_, clock_, *metrics_, std::chrono::minutes(2), &words_);
  clock_.advance(std::chrono::minutes(2));
  ASSERT_EQ(silence.step(clock_.now()), 2u);
  settle();
  EXPECT_EQ(store_->order(OrderId("o1")).value()->order.silence_reason, "location_permission");
  EXPECT_EQ(store_->order(OrderId("o2")).value()->order.silence_reason, "");
  // It says why only afterwards.
  EXPECT_EQ(post("/pub", R"({"_type":"status","android":{"ps":1},"topic":"owntracks/8/phone/status"})").body, "[]");
  EXPECT_EQ(store_->order(OrderId("o2")).value()->order.silence_reason, "power_save");
  EXPECT_EQ(store_->order(OrderId("o2")).value()->order.silent_since, nine);
}

TEST_F(PhoneRoutes, a_whole_ride_is_taken_as_gpx_or_geojson) {
  const std::string gpx =
      R"(<?xml version="1.0"?><gpx version="1.1"><trk><name>Morning</name><trkseg>)"
      R"(<trkpt lat="41.15" lon="-8.61"><time>2024-01-15T08:00:00Z</time></trkpt><trkpt lat="41.16" lon="-8.62"/></trkseg></trk></gpx>)";
  const Reply taken = post("/v1/rides", gpx, {}, "deliverer_id=7&order_id=o1");
  EXPECT_EQ(taken.status, 200);
  EXPECT_TRUE(has(taken, R"("accepted":1,"failed":1)"));
  EXPECT_TRUE(has(taken, R"("field":"timestamp")"));
  const std::string line = R"({"type":"LineString","coordinates":[[1,2]]})";
  EXPECT_EQ(post("/v1/rides", line, {}, "deliverer_id=7").status, 422);
  EXPECT_EQ(post("/v1/rides", "<gpx/>").status, 400);
  EXPECT_EQ(post("/v1/rides", "a,b").status, 400);
  who_ = std::make_shared<const Principal>(Principal{.role = Role::deliverer, .subject = "42", .credential = "c"});
  EXPECT_EQ(post("/v1/rides", gpx, {}, "deliverer_id=7").status, 200);
  EXPECT_EQ(track("7").size(), 1u);
  EXPECT_EQ(track("42").size(), 1u);
}

}  // namespace
}  // namespace waybill::serve
