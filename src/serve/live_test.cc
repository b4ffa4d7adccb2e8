// What viewers are told, by the streams that the routes give; how it travels is tested where it does.
#include "serve/live.h"

#include "serve/api_fixture.h"

namespace waybill::serve {
namespace {

struct Heard {
  std::string id, name, data;
};

class Ear final : public EventSink {
 public:
  void event(std::string_view id, std::string_view name, std::string_view data) override {
    heard.push_back({std::string(id), std::string(name), std::string(data)});
  }
  std::vector<Heard> heard;
};

using Names = std::vector<std::string>;

class LiveStreams : public Api {
 protected:
  struct Watching {
    std::shared_ptr<Stream> stream;
    int woken = 0;
    // All that is new.
    std::vector<Heard> take() {
      Ear ear;
      Stream::Next next = Stream::Next::more;
      while (next == Stream::Next::more) next = stream->take(ear);
      over = next == Stream::Next::over;
      return ear.heard;
    }
    Names names() {
      Names all;
      for (const Heard& heard : take()) all.push_back(heard.name);
      return all;
    }
    bool over = false;
  };

  std::unique_ptr<Watching> watch(std::string_view pattern, std::vector<std::string> params,
                                  std::string_view query = {}, std::string last_id = {}) {
    auto watching = std::make_unique<Watching>();
    std::vector<Header> headers;
    if (!last_id.empty()) headers.push_back({"Last-Event-ID", last_id});
    Reply reply = get(pattern, std::move(params), query, headers);
    EXPECT_EQ(reply.status, 200) << reply.body;
    watching->stream = std::move(reply.stream);
    EXPECT_TRUE(watching->stream);
    watching->stream->begin([counted = watching.get()] { ++counted->woken; });
    return watching;
  }
  std::unique_ptr<Watching> watch_order(const std::string& id, std::string last_id = {}) {
    return watch("/v1/orders/{id}/live", {id}, {}, std::move(last_id));
  }

  void send(const std::string& order, int second, std::string_view more = {}, double latitude = 41) {
    std::string body = R"({"deliverer_id":"d")";
    if (!order.empty()) body += R"(,"order_id":")" + order + '"';
    body += R"(,"longitude":-8,"latitude":)" + std::to_string(latitude) + R"(,"timestamp":)" +
            std::to_string(1'705'309'200 + second) + std::string(more) + "}";
    EXPECT_EQ(post("/v1/locations", body).status, 200);
  }
};

constexpr std::string_view started = R"(,"delivery_state":"start")";

TEST_F(LiveStreams, an_order_begins_as_it_is_now_and_then_moves) {
  send("a", 0, started);
  const auto viewer = watch_order("a");
  const auto first = viewer->take();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].name, "snapshot");
  EXPECT_EQ(first[0].id, "1-0-0");
  EXPECT_NE(first[0].data.find(R"("state":"start")"), std::string::npos);
  EXPECT_EQ(viewer->names(), Names{});
  clock_.advance(std::chrono::seconds(9));
  send("a", 5, R"(,"delivery_state":"on_the_way")");
  EXPECT_EQ(viewer->woken, 1);
  const auto moved = viewer->take();
  ASSERT_EQ(moved.size(), 2u);
  EXPECT_EQ(moved[0].name, "state");
  EXPECT_NE(moved[0].data.find(R"("was":"start")"), std::string::npos);
  EXPECT_EQ(moved[1].name, "location");
  EXPECT_EQ(moved[1].id, "1-0-1");
  EXPECT_NE(moved[1].data.find(R"("state":"on_the_way")"), std::string::npos);
  EXPECT_NE(moved[1].data.find(R"("fix_age_ms":4000)"), std::string::npos) << moved[1].data;
}

TEST_F(LiveStreams, the_marker_never_goes_back_and_a_late_point_is_a_correction) {
  send("a", 10, started);
  const auto viewer = watch_order("a");
  viewer->take();
  send("a", 5);
  send("a", 20);
  send("a", 15);
  EXPECT_EQ(viewer->names(), (Names{"correction", "location", "correction"}));
}

TEST_F(LiveStreams, a_repeat_is_told_to_nobody) {
  send("a", 10, started);
  const auto viewer = watch_order("a");
  viewer->take();
  send("a", 10, started);
  EXPECT_EQ(viewer->woken, 0);
  EXPECT_EQ(viewer->names(), Names{});
}

TEST_F(LiveStreams, who_comes_back_gets_what_it_missed_in_the_order_of_the_way_and_then_the_newest) {
  send("a", 10, started);
  send("a", 20);
  std::string seen;
  {
    const auto viewer = watch_order("a");
    seen = viewer->take().back().id;
  }
  EXPECT_EQ(seen, "1-0-1");
  send("a", 40);
  send("a", 15);
  send("a", 30);
  const auto viewer = watch_order("a", seen);
  const auto missed = viewer->take();
  ASSERT_EQ(missed.size(), 4u);
  EXPECT_EQ(missed[0].name, "correction");
  EXPECT_NE(missed[0].data.find("09:00:15"), std::string::npos);
  EXPECT_EQ(missed[1].name, "location");
  EXPECT_NE(missed[1].data.find("09:00:30"), std::string::npos);
  EXPECT_NE(missed[2].data.find("09:00:40"), std::string::npos);
  EXPECT_EQ(missed[3].name, "snapshot");
  EXPECT_EQ(missed[3].id, "1-0-4");
  EXPECT_EQ(watch_order("a", "1-0-4")->names(), Names{"snapshot"});
  EXPECT_EQ(watch_order("a", "9-9-9")->names(), Names{"snapshot"});  // of another journal
  EXPECT_EQ(watch_order("a", "junk")->names(), Names{"snapshot"});
}

TEST_F(LiveStreams, a_slow_viewer_is_shown_the_newest_and_holds_no_more_than_its_place) {
  send("a", 0, started);
  const auto slow = watch_order("a");
  const auto quick = watch_order("a");
  slow->take();
  quick->take();
  for (int second = 1; second <= static_cast<int>(Live::ring_max) + 1; ++second) {
    send("a", second);
    EXPECT_EQ(quick->names(), Names{"location"});
  }
  const auto heard = slow->take();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].name, "snapshot");
  EXPECT_NE(heard[0].data.find("09:00:33"), std::string::npos) << heard[0].data;
  send("a", 32);
  send("a", 50);
  EXPECT_EQ(slow->names(), (Names{"location"}));
}

TEST_F(LiveStreams, what_was_put_before_anybody_was_known_to_watch_is_shown_all_the_same) {
  send("a", 0, started);
  const auto viewer = watch_order("a");
  viewer->take();
  live_->missed();
  EXPECT_EQ(viewer->woken, 1);
  EXPECT_EQ(viewer->names(), Names{"snapshot"});
}

TEST_F(LiveStreams, nothing_is_made_of_what_happens_while_nobody_watches) {
  send("a", 0, started);
  EXPECT_FALSE(live_->wanted());
  {
    const auto viewer = watch_order("a");
    EXPECT_TRUE(live_->wanted());
  }
  EXPECT_FALSE(live_->wanted());
}

TEST_F(LiveStreams, an_order_is_told_of_its_deliverers_locations_and_of_its_commands) {
  post("/v1/orders", R"({"order_id":"a","deliverer_id":"d","at":"2024-01-15T08:00:00Z"})");
  const auto viewer = watch_order("a");
  viewer->take();
  send("", 10);
  call(Method::post, "/v1/orders/{id}/close", {"a"}, R"({"at":"2024-01-15T09:10:00Z"})");
  EXPECT_EQ(viewer->names(), (Names{"location", "state"}));
}

TEST_F(LiveStreams, a_deliverer_with_several_orders_moves_once) {
  for (const char* order : {"a", "b"})
    post("/v1/orders",
         R"({"order_id":")" + std::string(order) + R"(","deliverer_id":"d","at":"2024-01-15T08:00:00Z"})");
  send("", 5);
  const auto viewer = watch("/v1/deliverers/{id}/live", {"d"});
  EXPECT_EQ(viewer->names(), Names{"snapshot"});
  send("", 10);
  EXPECT_EQ(viewer->names(), Names{"location"});
}

TEST_F(LiveStreams, a_region_tells_what_is_in_it_and_what_leaves_it) {
  send("in", 0, started, 41);
  send("out", 0, started, 50);
  const auto viewer = watch("/v1/live", {}, "bbox=-9,40,-7,42");
  const auto first = viewer->take();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_NE(first[0].data.find(R"("order_id":"in")"), std::string::npos);
  send("out", 10, {}, 51);
  send("in", 10, {}, 41.5);
  send("in", 20, {}, 43);
  send("in", 30, {}, 44);
  call(Method::post, "/v1/orders/{id}/close", {"in"}, R"({"at":"2024-01-15T09:10:00Z"})");
  const auto told = viewer->take();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_NE(told[0].data.find(R"("latitude":41.5)"), std::string::npos);
  EXPECT_NE(told[1].data.find(R"("latitude":43)"), std::string::npos);
  EXPECT_EQ(get("/v1/live").status, 400);
  EXPECT_EQ(get("/v1/live", {}, "bbox=1,2,3").status, 400);
}

TEST_F(LiveStreams, who_comes_back_to_a_region_sees_what_became_of_the_orders_that_did_not_move) {
  for (const char* order : {"ended", "handed_on", "rests"}) send(order, 0, started);
  std::string seen;
  {
    const auto viewer = watch("/v1/live", {}, "bbox=-9,40,-7,42");
    EXPECT_EQ(viewer->names(), Names(3, "snapshot"));
    send("rests", 10);
    seen = viewer->take().back().id;
  }
  call(Method::post, "/v1/orders/{id}/close", {"ended"}, R"({"at":"2024-01-15T09:10:00Z"})");
  call(Method::post, "/v1/orders/{id}/reassign", {"handed_on"}, R"({"deliverer_id":"e","at":"2024-01-15T09:10:00Z"})");
  std::string all;
  for (const Heard& heard : watch("/v1/live", {}, "bbox=-9,40,-7,42", seen)->take()) all += heard.data + '\n';
  EXPECT_NE(all.find(R"({"order_id":"ended","deliverer_id":"d","state":"closed")"), std::string::npos) << all;
  EXPECT_NE(all.find(R"({"order_id":"handed_on","deliverer_id":"e")"), std::string::npos) << all;
  EXPECT_NE(all.find(R"({"order_id":"rests")"), std::string::npos) << all;
}

TEST_F(LiveStreams, what_is_not_known_cannot_be_watched) {
  EXPECT_EQ(get("/v1/orders/{id}/live", {"nobody"}).status, 404);
  EXPECT_EQ(get("/v1/deliverers/{id}/live", {"nobody"}).status, 404);
  EXPECT_FALSE(live_->wanted());
}

TEST_F(LiveStreams, a_customer_sees_its_order_without_who_drives_and_until_its_time_is_over) {
  post("/v1/orders", R"({"order_id":"a","deliverer_id":"d","at":"2024-01-15T08:00:00Z"})");
  send("a", 0, R"(,"delivery_state":"start","phone":"secret")");
  who_ = std::make_shared<const Principal>(Principal{.role = Role::customer, .subject = "a", .credential = "c"});
  EXPECT_EQ(get("/v1/orders/{id}/live", {"b"}).status, 403);
  const auto viewer = watch_order("a");
  const auto first = viewer->take();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].id, "t1705309200000000");
  const auto customer = std::exchange(who_, nullptr);
  send("a", 10);
  send("a", 5);
  const auto moved = viewer->take();
  ASSERT_EQ(moved.size(), 2u);
  EXPECT_EQ(moved[0].name, "location");
  EXPECT_EQ(moved[1].name, "correction");
  for (const auto& heard : moved) {
    EXPECT_EQ(heard.data.find("deliverer"), std::string::npos) << heard.data;
    EXPECT_EQ(heard.data.find("1-0-"), std::string::npos) << heard.data;
    EXPECT_NE(heard.data.find(R"("fix_age_ms":)"), std::string::npos);
  }
  send("a", 20);
  who_ = customer;
  const auto back = watch_order("a", first[0].id);
  const auto missed = back->take();
  ASSERT_EQ(missed.size(), 4u);  // 5, 10 and 20, then the order
  EXPECT_EQ(missed[0].data.find("deliverer"), std::string::npos) << missed[0].data;
  EXPECT_EQ(missed[3].name, "snapshot");
  who_ = nullptr;
  call(Method::post, "/v1/orders/{id}/close", {"a"}, R"({"at":"2024-01-15T09:00:30Z"})");
  EXPECT_EQ(viewer->names(), (Names{"location", "state"}));
  EXPECT_TRUE(viewer->stream->welcome());
  clock_.advance(std::chrono::hours(2));
  EXPECT_FALSE(viewer->stream->welcome());
}

}  // namespace
}  // namespace waybill::serve
