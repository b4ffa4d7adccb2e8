// The routes as functions: what each answers, over a real journal and a store in memory.
#include "serve/api_fixture.h"
#include "wire/compression.h"

namespace waybill::serve {
namespace {

constexpr std::string_view one_location =
    R"({"order_id":17,"deliverer_id":4,"delivery_state":"start","timestamp":"2024-01-15T08:59:58.120000","latitude":41.150405,"longitude":-8.613182})";

TEST_F(Api, answers_the_first_system_as_it_did) {
  const Reply kept = post("/v1/deliverer_location", one_location);
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(kept.body, R"({"status":"OK"})");
  EXPECT_EQ(kept.after, 1u);
  EXPECT_EQ(
      get("/v1/deliverer_location/last/{id}", {"17"}).body,
      R"({"data":[{"order_id":17,"deliverer_id":4,"delivery_state":"start","timestamp":"2024-01-15T08:59:58.120000",)"
      R"("latitude":41.150405,"longitude":-8.613182}]})");
  EXPECT_EQ(get("/v1/deliverer_location/last/{id}", {"18"}).body, R"({"data":[]})");
  EXPECT_EQ(post("/v1/deliverer_location", "{").status, 400);
  EXPECT_EQ(post("/v1/deliverer_location", R"({"deliverer_id":4})").status, 422);
}

TEST_F(Api, takes_the_first_systems_body_when_it_is_encoded_twice) {
  EXPECT_EQ(
      post(
          "/v1/deliverer_location",
          R"("{\"order_id\": 5, \"deliverer_id\": 1, \"delivery_state\": \"start\", \"timestamp\": \"2024-01-15T08:59:00\", \"latitude\": 1.5, \"longitude\": 2.5}")")
          .status,
      200);
  EXPECT_TRUE(has(get("/v1/deliverer_location/last/{id}", {"5"}), R"("latitude":1.5)"));
}

TEST_F(Api, tells_each_bad_item_and_keeps_the_others) {
  const std::string body =
      "[" + std::string(one_location) + R"(,{"deliverer_id":4,"latitude":91,"longitude":0,"timestamp":1},7])";
  const Reply reply = post("/v1/locations", body, {}, "detail=all");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(has(reply, R"("accepted":1,"failed":2,"first":"1-0-0","last":"1-0-2")")) << reply.body;
  EXPECT_TRUE(has(reply, R"("item":1,"field":"latitude")")) << reply.body;
  EXPECT_TRUE(has(reply, R"({"item":0,"position":"1-0-0"})")) << reply.body;
  EXPECT_TRUE(has(get("/v1/custody/{id}", {"1-0-1"}), R"("quarantined":true)"));
}

TEST_F(Api, keeps_nothing_of_a_body_without_a_good_item) {
  const Reply reply = post("/v1/locations", R"([{"deliverer_id":4}])");
  EXPECT_EQ(reply.status, 422);
  EXPECT_FALSE(reply.after);
  EXPECT_EQ(post("/v1/locations", "[}").status, 400);
  EXPECT_EQ(journal_->durable_end(), 0u);
}

TEST_F(Api, takes_ndjson_gzip_and_zstd_and_says_415_to_others) {
  const std::string lines = std::string(one_location) + "\n" +
                            R"({"deliverer_id":4,"latitude":1,"longitude":2,"timestamp":1705309201})" + "\n";
  const Header ndjson{"Content-Type", "application/x-ndjson"};
  EXPECT_TRUE(has(post("/v1/locations", lines, {ndjson}), R"("accepted":2)"));
  for (const auto& [name, form] :
       {std::pair{"gzip", wire::Compression::gzip}, std::pair{"zstd", wire::Compression::zstd}})
    EXPECT_TRUE(has(post("/v1/locations", wire::compress(lines, form), {ndjson, {"Content-Encoding", name}}),
                    R"("accepted":2)"));
  EXPECT_EQ(post("/v1/locations", lines, {{"Content-Encoding", "br"}}).status, 415);
  EXPECT_EQ(post("/v1/locations", lines, {{"Content-Type", "image/png"}}).status, 415);
  EXPECT_EQ(post("/v1/locations", "no gzip", {{"Content-Encoding", "gzip"}}).status, 400);
}

TEST_F(Api, counts_a_repeated_idempotency_key_once) {
  const Header key{"Idempotency-Key", "k1"};
  post("/v1/locations", R"([{"deliverer_id":4,"latitude":1,"longitude":2,"timestamp":1705309201}])", {key});
  post("/v1/locations", R"([{"deliverer_id":4,"latitude":1,"longitude":2,"timestamp":1705309201}])", {key});
  const Reply track = get("/v1/deliverers/{id}/track", {"4"});
  EXPECT_EQ(track.body.find("timestamp"), track.body.rfind("timestamp"));
  EXPECT_TRUE(has(get("/v1/custody/{id}", {"k1#0"}), R"("position":"1-0-0","deliverer_id":"4")"));
}

TEST_F(Api, shows_how_far_the_lake_has_come_with_a_location) {
  post("/v1/locations", one_location);
  EXPECT_FALSE(has(get("/v1/custody/{id}", {"1-0-0"}), "bronze")) << "there is no lake";
  std::optional<LakeCustody> says;
  std::optional<LakePlace> place;
  ApiParts with_lake = parts();
  with_lake.lake_custody = [&](const LakePlace& asked) {
    place = asked;
    return says;
  };
  routes_ = api_routes(with_lake);
  EXPECT_TRUE(has(get("/v1/custody/{id}", {"1-0-0"}), R"("in_journal":true,"bronze":{"state":"unknown"}})"));
  EXPECT_EQ(place->offset, 0u);
  EXPECT_EQ(place->what, LakePlace::What::location);
  EXPECT_TRUE(place->fix_time);
  says = LakeCustody{};
  EXPECT_TRUE(has(get("/v1/custody/{id}", {"1-0-0"}), R"("bronze":{"state":"waiting"}})"));
  says = LakeCustody{.raw = LakeCustody::Raw::taken,
                     .files = {{.key = "raw/a", .version = 7}},
                     .treated = {{.date = "2024-01-15", .made = true}},
                     .treated_version = 9};
  EXPECT_TRUE(has(get("/v1/custody/{id}", {"1-0-0"}),
                  R"("bronze":{"state":"taken","files":[{"key":"raw/a","version":7}]},)"
                  R"("silver":{"state":"made","version":9,"dates":["2024-01-15"]}})"));
  says->treated.push_back({.date = "2024-01-16", .made = false});
  EXPECT_TRUE(has(get("/v1/custody/{id}", {"1-0-0"}), R"("silver":{"state":"waiting",)"));
}

TEST_F(Api, takes_chores_for_the_lake_that_make_sense) {
  std::vector<LakeChore> begun;
  ApiParts with_lake = parts();
  with_lake.start_lake_chore = [&](const LakeChore& chore) -> Result<void> {
    if (!begun.empty() && begun.back().what == chore.what) return fail(Code::conflict, "it runs");
    begun.push_back(chore);
    return {};
  };
  with_lake.lake_chore_state = [] { return R"({"state":"running"})"; };
  routes_ = api_routes(with_lake);
  EXPECT_EQ(post("/v1/lake", R"({"do":"compact"})").status, 202);
  EXPECT_EQ(post("/v1/lake", R"({"do":"compact"})").status, 409);
  EXPECT_EQ(post("/v1/lake", R"({"do":"expire","older_than_hours":3})").status, 202);
  EXPECT_EQ(post("/v1/lake", R"({"do":"purge","before":"2024-01-15"})").status, 202);
  ASSERT_EQ(begun.size(), 3u);
  EXPECT_EQ(begun[1].older_than, std::chrono::hours(3));
  EXPECT_EQ(begun[2].before, nine - std::chrono::hours(9));
  for (const char* body :
       {R"({})", R"({"do":"dance"})", R"({"do":"purge"})", R"({"do":"compact","before":"2024-01-15"})",
        R"({"do":"expire","older_than_hours":-1})", R"({"do":"purge","older_than_hours":1})"})
    EXPECT_EQ(post("/v1/lake", body).status, 422) << body;
  EXPECT_EQ(begun.size(), 3u);
  EXPECT_TRUE(has(get("/v1/lake"), "running"));
}

TEST_F(Api, shows_an_order_with_its_age_and_when_it_is_stale) {
  post("/v1/orders",
       R"({"order_id":"o9","deliverer_id":4,"destination":{"latitude":41.2,"longitude":-8.6},"sequence":3})");
  EXPECT_TRUE(has(get("/v1/orders/{id}", {"o9"}), R"("state":"open","last":null,"fix_age_ms":null,"stale":true)"));
  clock_.advance(std::chrono::seconds(10));
  post("/v1/locations", R"({"deliverer_id":4,"latitude":1,"longitude":2,"timestamp":"2024-01-15T09:00:05Z"})");
  const Reply fresh = get("/v1/orders/{id}", {"o9"});
  EXPECT_TRUE(has(fresh, R"("fix_age_ms":5000,"stale":false)")) << fresh.body;
  EXPECT_EQ(get("/v1/orders/{id}", {"nobody"}).status, 404);
}

TEST_F(Api, answers_304_while_nothing_has_changed) {
  post("/v1/deliverer_location", one_location);
  for (const char* pattern : {"/v1/deliverer_location/last/{id}", "/v1/orders/{id}"}) {
    const Reply first = get(pattern, {"17"});
    ASSERT_EQ(first.headers.front().first, "ETag");
    clock_.advance(std::chrono::seconds(1));
    EXPECT_EQ(get(pattern, {"17"}, {}, {{"If-None-Match", first.headers.front().second}}).status, 304) << pattern;
  }
  const Reply before = get("/v1/orders/{id}", {"17"});
  post("/v1/deliverer_location",
       R"({"order_id":17,"deliverer_id":4,"timestamp":"2024-01-15T09:00:01","latitude":1,"longitude":2})");
  EXPECT_EQ(get("/v1/orders/{id}", {"17"}, {}, {{"If-None-Match", before.headers.front().second}}).status, 200);
}

TEST_F(Api, gives_a_track_in_every_form_and_by_pages) {
  for (int i = 0; i < 5; ++i)
    post("/v1/locations", R"({"order_id":"o","deliverer_id":4,"latitude":1,"longitude":2,"timestamp":)" +
                              std::to_string(1705309200 - i) + "}");
  const Reply page = get("/v1/orders/{id}/track", {"o"}, "limit=2");
  EXPECT_TRUE(has(page, R"({"order_id":"o","locations":[{"order_id":"o","deliverer_id":4,)")) << page.body;
  EXPECT_LT(page.body.find("08:59:56"), page.body.find("08:59:57"));
  EXPECT_FALSE(has(page, R"("next_cursor":null)"));
  EXPECT_EQ(get("/v1/orders/{id}/track", {"o"}, "format=geojson").content_type, "application/geo+json");
  EXPECT_EQ(get("/v1/orders/{id}/track", {"o"}, {}, {{"Accept", "application/gpx+xml"}}).content_type,
            "application/gpx+xml");
  const Reply csv = get("/v1/orders/{id}/track", {"o"}, "format=csv&limit=2");
  ASSERT_EQ(csv.headers.size(), 1u);
  EXPECT_EQ(csv.headers.front().first, "Link");
  EXPECT_EQ(get("/v1/orders/{id}/track", {"o"}, "limit=0").status, 400);
  EXPECT_EQ(get("/v1/orders/{id}/track", {"o"}, "cursor=nonsense").status, 400);
  EXPECT_EQ(get("/v1/orders/{id}/track", {"o"}, "from=yesterday").status, 400);
}

TEST_F(Api, lists_orders_by_state_box_and_time) {
  post("/v1/deliverer_location", one_location);
  EXPECT_TRUE(has(get("/v1/orders", {}, "state=start&bbox=-9,41,-8,42&updated_since=2024-01-15T08:00:00Z"),
                  R"("order_id":17)"));
  EXPECT_FALSE(has(get("/v1/orders", {}, "state=arrived"), R"("order_id":17)"));
  EXPECT_FALSE(has(get("/v1/orders", {}, "bbox=0,0,1,1"), R"("order_id":17)"));
  EXPECT_EQ(get("/v1/orders", {}, "bbox=0,0,1").status, 400);
  EXPECT_EQ(get("/v1/orders", {}, "bbox=nan,nan,nan,nan").status, 400);
  EXPECT_EQ(get("/v1/orders", {}, "state=flying").status, 400);
}

TEST_F(Api, closes_cancels_and_reassigns) {
  post("/v1/orders", R"([{"order_id":1,"deliverer_id":"a"},{"order_id":2,"deliverer_id":"a"}])");
  EXPECT_TRUE(has(get("/v1/deliverers/{id}", {"a"}), R"("orders":[1,2])")) << get("/v1/deliverers/{id}", {"a"}).body;
  EXPECT_EQ(call(Method::post, "/v1/orders/{id}/close", {"1"}).status, 200);
  EXPECT_TRUE(has(get("/v1/orders/{id}", {"1"}), R"("state":"closed")"));
  EXPECT_EQ(call(Method::post, "/v1/orders/{id}/cancel", {"2"}).status, 200);
  EXPECT_TRUE(has(get("/v1/orders/{id}", {"2"}), R"("state":"cancelled")"));
  EXPECT_EQ(call(Method::post, "/v1/orders/{id}/reassign", {"2"}).status, 422);
}

TEST_F(Api, takes_orders_as_csv) {
  const Reply reply = post(
      "/v1/orders", "order_id,deliverer_id,destination_latitude,destination_longitude,sequence\n9,ana,41.1,-8.6,2\n",
      {{"Content-Type", "text/csv"}});
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_TRUE(has(get("/v1/orders/{id}", {"9"}), R"("destination":{"latitude":41.1,"longitude":-8.6})"));
}

TEST_F(Api, says_why_it_is_not_ready) {
  EXPECT_EQ(get("/readyz").status, 200);
  health_.bad("journal", "full");
  const Reply reply = get("/readyz");
  EXPECT_EQ(reply.status, 503);
  EXPECT_TRUE(has(reply, R"("reasons":["journal: full"])"));
  EXPECT_TRUE(has(get("/metrics"), "waybill_ingest_accepted_total"));
}

}  // namespace
}  // namespace waybill::serve
