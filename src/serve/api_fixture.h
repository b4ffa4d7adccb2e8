// serve/api_fixture.h — the routes as functions over a real journal and a store in memory, for the tests of the API.
#pragma once

#include <gtest/gtest.h>

#include "base/simulated_files.h"
#include "ingest/subscribe.h"
#include "serve/api.h"
#include "serve/live.h"
#include "store/memory.h"

namespace waybill::serve {

inline const Time nine = at_us(1'705'309'200'000'000);  // 2024-01-15T09:00:00Z

class Api : public testing::Test {
 protected:
  Api() {
    journal_ =
        std::move(*journal::open_journal({.folder = "journal", .segment_bytes = 1 << 20}, *files_, clock_, *metrics_));
    store_ = std::move(*store::open_memory_store());
    live_.emplace(*metrics_);
    subscriber_.emplace(*journal_, *store_, progress_, health_, clock_, *metrics_, &*live_);
    acceptor_.emplace(*journal_, *metrics_);
    EXPECT_TRUE(files_->make_folder("audit"));
    audit_ = std::move(*open_audit("audit", *files_, clock_, *metrics_));
    routes_ = api_routes(parts());
  }

  ApiParts parts() {
    return {.acceptor = *acceptor_,
            .journal = *journal_,
            .store = *store_,
            .progress = progress_,
            .metrics = *metrics_,
            .clock = clock_,
            .audit = *audit_,
            .not_ready_because = [this] { return health_.reasons(); },
            .live = &*live_};
  }

  Reply call(Method method, std::string_view pattern, std::vector<std::string> params, std::string_view body = {},
             std::vector<Header> headers = {}, std::string_view query = {}) {
    for (const Route& route : routes_) {
      if (route.method != method || route.pattern != pattern) continue;
      const Request request{.method = method,
                            .path = pattern,
                            .query = query,
                            .headers = headers,
                            .body = body,
                            .params = std::move(params),
                            .who = who_};
      Reply reply = route.handler(request);
      if (reply.after) settle();
      return reply;
    }
    ADD_FAILURE() << "no route " << pattern;
    return {};
  }
  Reply post(std::string_view pattern, std::string_view body, std::vector<Header> headers = {},
             std::string_view query = {}) {
    return call(Method::post, pattern, {}, body, std::move(headers), query);
  }
  Reply get(std::string_view pattern, std::vector<std::string> params = {}, std::string_view query = {},
            std::vector<Header> headers = {}) {
    return call(Method::get, pattern, std::move(params), {}, std::move(headers), query);
  }

  void settle() {
    ASSERT_TRUE(journal_->commit());
    while (true) {
      const auto put = subscriber_->step();
      ASSERT_TRUE(put) << put.error().message;
      if (*put == 0) return;
    }
  }

  static bool has(const Reply& reply, std::string_view part) { return reply.body.find(part) != std::string::npos; }

  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  ManualClock clock_{nine};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  std::unique_ptr<Audit> audit_;
  Health health_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  ingest::Progress progress_;
  std::optional<Live> live_;
  std::optional<ingest::Subscriber> subscriber_;
  std::optional<ingest::Acceptor> acceptor_;
  std::vector<Route> routes_;
  std::shared_ptr<const Principal> who_;  // who asks
};

}  // namespace waybill::serve
