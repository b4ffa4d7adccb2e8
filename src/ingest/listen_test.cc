// Phones that publish to a broker which breaks connections, in front of a disk that loses power: what the broker may forget is in the
// journal, what makes no sense is in quarantine, and what comes again counts once.
#include "ingest/listen.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/pause.h"
#include "base/random.h"
#include "base/simulated_files.h"
#include "broker/simulated_topics.h"
#include "ingest/subscribe.h"
#include "store/rocks/rocks.h"

namespace waybill::ingest {
namespace {

using broker::SimulatedTopics;

constexpr std::chrono::seconds done_within{60};
const Time noon = at_us(1'705'320'000'000'000);
const std::string folder = "data";

#define ASSERT_DONE(...)                       \
  do {                                         \
    const auto done = (__VA_ARGS__);           \
    ASSERT_TRUE(done) << done.error().message; \
  } while (false)

std::string fix(uint64_t number, const std::string& order = "o-1") {
  return R"({"order_id":")" + order + R"(","latitude":41.1,"longitude":-8.)" + std::to_string(100'000 + number) +
         R"(,"timestamp":)" + std::to_string(1'705'320'000 + number) + '}';
}

bool comes_to(const std::function<bool()>& condition) {
  const auto until = system_clock().steady() + done_within;
  while (!condition()) {
    if (system_clock().steady() > until) return false;
    pause(std::chrono::milliseconds(1), {});
  }
  return true;
}

// A platform that listens, on files that outlive it.
class Platform {
 public:
  Platform(SimulatedFiles& files, SimulatedTopics& topics, journal::JournalOptions options = {})
      : files_(files), topics_(topics), journal_options_(std::move(options)) {}
  ~Platform() { static_cast<void>(stop()); }

  Result<void> start() {
    TRY(make_folder_durably(files_, folder));
    journal_options_.folder = folder + "/journal";
    TRY_LET(journal_, journal::open_journal(journal_options_, files_, system_clock(), *metrics_));
    TRY_LET(store_, store::open_rocks_store({.folder = folder + "/store"}, files_));
    acceptor_.emplace(*journal_, *metrics_);
    subscriber_.emplace(*journal_, *store_, progress_, health_, system_clock(), *metrics_);
    listening_.emplace(*journal_, *store_, *acceptor_,
                       ListenOptions{.topics = *wire::parse_topic_rules("waybill/+=waybill, old=first_system"),
                                     .open = [this]() -> Result<std::unique_ptr<broker::Listener>> {
                                       ++opened_;
                                       return topics_.listen();
                                     }},
                       clock_, *metrics_);
    thread_ = std::jthread([this](const std::stop_token& asked) {
      said_.with([&, done = listening_->run(asked)](auto& said) { said = done; });
    });
    return {};
  }
  Result<void> stop() {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
    return said_.with([](auto& said) { return said; });
  }
  Result<void> put_all() {
    while (true) {
      TRY_LET(const size_t put, subscriber_->step());
      if (put == 0) return {};
    }
  }
  std::vector<wire::Record> records() const {
    std::vector<wire::Record> all;
    for (uint64_t next = 0; next < journal_->durable_end();) {
      const auto read = journal_->read(next, 1 << 20);
      if (!read || read->records.empty()) break;
      for (size_t i = 0; i < read->records.size(); ++i, ++next)
        all.push_back(wire::decode_record(read->records[i]).value());
    }
    return all;
  }
  template <class Kind>
  std::vector<Kind> all_of() const {
    std::vector<Kind> found;
    for (const wire::Record& record : records())
      if (const auto* one = std::get_if<Kind>(&record)) found.push_back(*one);
    return found;
  }
  double counted(const std::string& form, const std::string& outcome) const {
    return static_cast<double>(
        metrics_->counter("waybill_mqtt_messages_total", "", {{"form", form}, {"outcome", outcome}}).value());
  }
  double working() const { return metrics_->gauge("waybill_mqtt_working", "").value(); }

  Acceptor& acceptor() { return *acceptor_; }
  Listening& listening() { return *listening_; }
  journal::Journal& journal() { return *journal_; }
  store::Store& store() { return *store_; }
  int opened() const { return opened_; }

 private:
  SimulatedFiles& files_;
  SimulatedTopics& topics_;
  journal::JournalOptions journal_options_;
  ManualClock clock_{noon};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  Health health_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  Progress progress_;
  std::optional<Acceptor> acceptor_;
  std::optional<Subscriber> subscriber_;
  std::optional<Listening> listening_;
  std::atomic<int> opened_ = 0;
  Guarded<Result<void>> said_;
  std::jthread thread_;
};

class ListeningTest : public testing::Test {
 protected:
  const std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  SimulatedTopics topics_;
  Platform platform_{*files_, topics_};
};

TEST_F(ListeningTest, takes_each_form_and_says_whose_it_is) {
  topics_.publish("waybill/anna", fix(1));
  topics_.publish("old",
                  R"({"order_id":17,"deliverer_id":7,"delivery_state":"start","timestamp":"2024-01-15T12:00:00",)"
                  R"("latitude":41.1,"longitude":-8.6})");
  topics_.publish("waybill/anna", "");
  ASSERT_DONE(platform_.start());
  ASSERT_TRUE(comes_to([&] { return topics_.held() == 0; }));
  const auto locations = platform_.all_of<Location>();
  ASSERT_EQ(locations.size(), 2u);
  EXPECT_EQ(locations[0].deliverer, DelivererId("anna"));
  EXPECT_EQ(locations[0].received_at, noon);
  EXPECT_EQ(locations[1].order, OrderId("17"));
  ASSERT_DONE(platform_.stop());
  EXPECT_EQ(platform_.counted("waybill", "kept"), 1);
  EXPECT_EQ(platform_.counted("waybill", "empty"), 1);
  EXPECT_EQ(platform_.counted("first_system", "kept"), 1);
  EXPECT_EQ(platform_.listening().trouble(), "");
  EXPECT_EQ(platform_.working(), 1);
}

TEST_F(ListeningTest, poison_is_quarantined_with_its_topic_and_bytes_and_holds_up_nothing) {
  topics_.publish("waybill/anna", std::string("\0\xff{", 3));
  topics_.publish("somewhere/else", "x");
  topics_.publish("waybill/anna", '[' + fix(1) + R"(,{"latitude":99}])");
  ASSERT_DONE(platform_.start());
  ASSERT_TRUE(comes_to([&] { return topics_.held() == 0; }));
  ASSERT_DONE(platform_.stop());
  const auto bad = platform_.all_of<wire::Quarantined>();
  ASSERT_EQ(bad.size(), 3u);
  EXPECT_EQ(bad[0].source, "mqtt waybill/anna");
  EXPECT_EQ(bad[0].raw, std::string("\0\xff{", 3));
  EXPECT_EQ(bad[1].source, "mqtt somewhere/else");
  EXPECT_EQ(bad[2].raw, R"({"latitude":99})");
  EXPECT_EQ(bad[2].field, "latitude");
  EXPECT_EQ(platform_.all_of<Location>().size(), 1u);
  EXPECT_EQ(platform_.counted("waybill", "quarantined"), 2);
  EXPECT_EQ(platform_.counted("none", "quarantined"), 1);
}

TEST_F(ListeningTest, what_comes_again_counts_once) {
  topics_.publish("waybill/anna", fix(1));
  topics_.publish("waybill/anna", fix(1));  // retained, after a reconnect
  topics_.publish("waybill/anna", fix(2));
  ASSERT_DONE(platform_.start());
  ASSERT_TRUE(comes_to([&] { return topics_.held() == 0; }));
  ASSERT_DONE(platform_.put_all());
  const auto page = platform_.store().track(
      {.order = OrderId("o-1"), .deliverer = {}, .from = {}, .to = {}, .limit = store::track_limit_max, .cursor = {}});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->locations.size(), 2u);
}

TEST_F(ListeningTest, a_phone_does_not_move_an_order_that_only_others_were_given) {
  ASSERT_DONE(platform_.start());
  OrderCommand given;
  given.order = OrderId("o-1");
  given.deliverer = DelivererId("bert");
  given.received_at = noon;
  const wire::Record command = given;
  ASSERT_DONE(platform_.acceptor().accept({&command, 1}));
  ASSERT_DONE(platform_.journal().commit());
  ASSERT_DONE(platform_.put_all());
  topics_.publish("waybill/anna", fix(1));
  topics_.publish("waybill/bert", fix(2));
  topics_.publish("waybill/anna", fix(3, "of nobody"));
  ASSERT_TRUE(comes_to([&] { return topics_.held() == 0; }));
  EXPECT_EQ(platform_.all_of<Location>().size(), 2u);
  const auto bad = platform_.all_of<wire::Quarantined>();
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].reason, "is an order of another deliverer");
  EXPECT_NE(bad[0].raw.find(R"("deliverer_id":"anna")"), std::string::npos);
}

TEST_F(ListeningTest, a_broker_that_refuses_is_asked_again_and_says_why) {
  topics_.refuse_from_now_on(true);
  topics_.publish("waybill/anna", fix(1));
  ASSERT_DONE(platform_.start());
  ASSERT_TRUE(comes_to([&] { return platform_.opened() >= 3; }));
  EXPECT_EQ(platform_.listening().trouble(), "simulated: refused");
  EXPECT_EQ(platform_.working(), 0);
  topics_.refuse_from_now_on(false);
  ASSERT_TRUE(comes_to([&] { return topics_.held() == 0; }));
  EXPECT_EQ(platform_.all_of<Location>().size(), 1u);
}

TEST_F(ListeningTest, what_a_full_journal_does_not_take_stays_with_the_broker) {
  constexpr uint64_t segment = 4096;
  Platform small(*files_, topics_, {.segment_bytes = segment, .disk_bytes_max = 3 * segment});
  ASSERT_DONE(small.start());
  uint64_t sent = 0;
  ASSERT_TRUE(comes_to([&] {
    topics_.publish("waybill/anna", fix(sent++));
    return small.working() == 0 && sent > 100;
  }));
  EXPECT_GT(topics_.held(), 0u);
  EXPECT_NE(small.listening().trouble(), "");
  // What is made room for goes on.
  ASSERT_TRUE(comes_to([&] {
    static_cast<void>(small.journal().trim(small.journal().durable_end()));
    return topics_.held() == 0;
  }));
  ASSERT_DONE(small.stop());
  EXPECT_EQ(small.counted("waybill", "kept"), static_cast<double>(sent));
}

// A failed sync may have lost what it was to keep: nothing of it is confirmed, and the process ends.
TEST_F(ListeningTest, what_the_disk_may_not_have_is_not_confirmed) {
  ASSERT_DONE(platform_.start());
  ASSERT_TRUE(comes_to([&] { return platform_.working() == 1; }));
  files_->stop();
  topics_.publish("waybill/anna", fix(1));
  ASSERT_TRUE(comes_to([&] { return !platform_.journal().commit(); }));
  EXPECT_FALSE(platform_.stop());
  EXPECT_EQ(topics_.held(), 1u);
}

TEST(Listening, everything_that_the_broker_may_forget_is_kept_over_power_losses_and_broken_connections) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto files = make_simulated_files(seed);
    SimulatedTopics topics(0.1, seed);
    Random random(seed);
    uint64_t sent = 0;
    for (uint64_t life = 0; life < 3; ++life) {
      files->crash(seed * 10 + life);
      Platform platform(*files, topics);
      ASSERT_DONE(platform.start());
      for (uint64_t step = random.below(60); step > 0; --step) {
        topics.publish("waybill/anna", fix(sent++));
        if (random.chance(0.1)) topics.cut();
        if (random.chance(0.1)) pause(std::chrono::milliseconds(1), {});
      }
      files->stop();
    }
    files->crash(seed);
    Platform platform(*files, topics);
    ASSERT_DONE(platform.start());
    ASSERT_TRUE(comes_to([&] { return topics.held() == 0; }));
    ASSERT_DONE(platform.stop());
    std::map<double, int> times;
    for (const Location& location : platform.all_of<Location>()) ++times[location.longitude];
    EXPECT_EQ(times.size(), sent);
  }
}

}  // namespace
}  // namespace waybill::ingest
