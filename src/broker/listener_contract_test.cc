// What every listener promises, on the one in memory and, where WAYBILL_TEST_BROKER names an MQTT server (tools/services.py), there.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/random.h"
#include "broker/live_server_for_tests.h"
#include "broker/simulated_topics.h"

namespace waybill::broker {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds step_wait{500};
constexpr int steps_max = 90;  // of step_wait, in which nothing comes that has to come: NATS sends again after 30 s

// A server, who publishes there, and who listens.
class Topics {
 public:
  virtual ~Topics() = default;
  // Below `base`; returns when the server has it.
  virtual void publish(const std::string& base, const std::string& bytes) = 0;
  virtual std::unique_ptr<Listener> listen(const std::string& name, const std::vector<std::string>& bases) = 0;
};

// A topic below `base`, as a Line has it.
std::string topic_below(const std::string& base) { return base + "/0"; }

class Simulated final : public Topics {
 public:
  void publish(const std::string& base, const std::string& bytes) override {
    topics_.publish(topic_below(base), bytes);
  }
  std::unique_ptr<Listener> listen(const std::string&, const std::vector<std::string>&) override {
    return topics_.listen();
  }

 private:
  SimulatedTopics topics_;
};

class Live final : public Topics {
 public:
  void publish(const std::string& base, const std::string& bytes) override {
    Sending& sending = sending_[base];
    if (!sending.outbox) sending.outbox = broker_->send_to({.topic = base, .partition = 0}).value();
    ASSERT_TRUE(sending.outbox->send("", as_bytes(bytes)));
    const uint64_t before = sending.acknowledged;
    for (int steps = 0; sending.acknowledged == before && steps < steps_max; ++steps)
      sending.acknowledged = sending.outbox->acknowledged(before, step_wait).value_or(before);
    ASSERT_EQ(sending.acknowledged, before + 1);
  }
  std::unique_ptr<Listener> listen(const std::string& name, const std::vector<std::string>& bases) override {
    MqttOptions options = live_mqtt_options(live_login(), live_server().address);
    options.name = name;
    std::vector<std::string> filters;
    for (const std::string& base : bases) filters.push_back(base + "/+");
    auto listener = listen_mqtt(options, filters);
    EXPECT_TRUE(listener) << listener.error().message;
    return std::move(*listener);
  }

 private:
  struct Sending {
    std::unique_ptr<Outbox> outbox;
    uint64_t acknowledged = 0;
  };
  const std::unique_ptr<Broker> broker_ = open_mqtt(live_mqtt_options(live_login(), live_server().address)).value();
  std::map<std::string, Sending> sending_;
};

using Make = std::function<std::unique_ptr<Topics>()>;

class ListenerContract : public testing::TestWithParam<Make> {
 protected:
  std::unique_ptr<Listener> listen() {
    auto listener = topics_->listen("contract-" + own_, {here_, there_});
    for (int steps = 0; !(first_ = listener->hear(milliseconds(50))) && steps < steps_max * 10; ++steps) {
    }
    EXPECT_TRUE(first_) << first_.error().message;
    return listener;
  }
  void publish_here(const std::string& bytes) { topics_->publish(here_, bytes); }

  // What comes, what listen() heard by the way included, until `last` has; each batch is confirmed where it is asked for.
  enum class Confirm : uint8_t { no, yes };
  std::vector<std::string> heard(Listener& listener, const std::string& last, Confirm confirm) {
    std::vector<std::string> all;
    const auto take = [&](const std::vector<Heard>& come) {
      for (const Heard& one : come) {
        EXPECT_TRUE(one.topic == topic_below(here_) || one.topic == topic_below(there_)) << one.topic;
        all.push_back(one.topic == topic_below(there_) ? "there: " + one.bytes : one.bytes);
      }
      if (confirm == Confirm::yes && !come.empty()) listener.confirm();
    };
    take(std::exchange(first_, {}).value_or(std::vector<Heard>()));
    for (int steps = 0; std::ranges::find(all, last) == all.end() && steps < steps_max; ++steps) {
      if (confirm == Confirm::no && !all.empty()) break;  // more is only given once that is confirmed
      if (const auto come = listener.hear(step_wait)) take(*come);
    }
    return all;
  }

  const std::string own_ = std::to_string(random_seed() % 1'000'000'000);
  const std::string here_ = "listen-" + own_ + "/here";
  const std::string there_ = "listen-" + own_ + "/there";
  const std::unique_ptr<Topics> topics_ = GetParam()();
  Result<std::vector<Heard>> first_{};
};

std::vector<std::string> numbered(const std::string& begin, int count) {
  std::vector<std::string> made;
  for (int i = 0; i < count; ++i) made.push_back(begin + std::to_string(i));
  return made;
}

TEST_P(ListenerContract, what_is_published_to_any_of_its_topics_is_heard_with_its_topic_and_in_order) {
  const auto listener = listen();
  const auto sent = numbered("fix ", 50);
  topics_->publish(there_, std::string("\0\xff", 2));
  for (const std::string& bytes : sent) publish_here(bytes);
  const auto all = heard(*listener, sent.back(), Confirm::yes);
  ASSERT_EQ(all.size(), sent.size() + 1);
  EXPECT_EQ(all.front(), "there: " + std::string("\0\xff", 2));
  EXPECT_TRUE(std::equal(sent.begin(), sent.end(), all.begin() + 1));
}

TEST_P(ListenerContract, what_is_published_while_nobody_listens_is_heard_by_who_comes_next) {
  listen();
  const auto sent = numbered("away ", 20);
  for (const std::string& bytes : sent) publish_here(bytes);
  const auto listener = listen();
  EXPECT_EQ(heard(*listener, sent.back(), Confirm::yes), sent);
}

TEST_P(ListenerContract, what_was_heard_and_not_confirmed_comes_again) {
  auto listener = listen();
  publish_here("unsafe");
  ASSERT_EQ(heard(*listener, "unsafe", Confirm::no), std::vector<std::string>{"unsafe"});
  EXPECT_EQ(listener->hear(milliseconds(1)).error().code, Code::invalid);
  listener.reset();
  listener = listen();
  EXPECT_EQ(heard(*listener, "unsafe", Confirm::yes), std::vector<std::string>{"unsafe"});
}

TEST_P(ListenerContract, what_was_confirmed_does_not_come_again) {
  auto listener = listen();
  publish_here("safe");
  ASSERT_EQ(heard(*listener, "safe", Confirm::yes), std::vector<std::string>{"safe"});
  listener.reset();
  publish_here("next");
  listener = listen();
  EXPECT_EQ(heard(*listener, "next", Confirm::yes), std::vector<std::string>{"next"});
}

TEST_P(ListenerContract, whoever_confirms_slowly_hears_all_of_it) {
  const auto listener = listen();
  std::set<std::string> sent, all;
  for (int round = 0; round < 20; ++round) {
    for (const std::string& bytes : numbered("slow " + std::to_string(round) + '.', 10)) {
      publish_here(bytes);
      sent.insert(bytes);
    }
    if (const auto come = listener->hear(milliseconds(1)); come && !come->empty()) {
      for (const Heard& one : *come) all.insert(one.bytes);
      publish_here("between " + std::to_string(round));
      sent.insert("between " + std::to_string(round));
      listener->confirm();
    }
  }
  publish_here("last");
  sent.insert("last");
  for (std::string& bytes : heard(*listener, "last", Confirm::yes)) all.insert(std::move(bytes));
  EXPECT_EQ(all, sent);
}

INSTANTIATE_TEST_SUITE_P(Simulated, ListenerContract,
                         testing::Values([] { return std::unique_ptr<Topics>(std::make_unique<Simulated>()); }));
std::vector<Make> live() {
  if (!live_server_speaks_mqtt()) return {};
  return {[] { return std::make_unique<Live>(); }};
}
INSTANTIATE_TEST_SUITE_P(LiveBroker, ListenerContract, testing::ValuesIn(live()));

// The parameter is there for the number of tests alone: none without a server.
class LiveBrokerListener : public testing::TestWithParam<int> {
 protected:
  static Error trouble_of(const MqttOptions& options) {
    const auto listener = listen_mqtt(options, {"some/+"});
    if (!listener) return listener.error();
    for (int steps = 0; steps < 20; ++steps)
      if (const auto heard = (*listener)->hear(milliseconds(100)); !heard) {
        if (heard.error().message.find("not answered yet") == std::string::npos) return heard.error();
      } else {
        break;
      }
    return {Code::invalid, "no trouble at all"};
  }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveBrokerListener);
INSTANTIATE_TEST_SUITE_P(Server, LiveBrokerListener, testing::Range(0, live_server_speaks_mqtt() ? 1 : 0));

TEST_P(LiveBrokerListener, that_cannot_reach_its_server_says_unavailable) {
  EXPECT_EQ(trouble_of(live_mqtt_options(live_login(), "127.0.0.1:1")).code, Code::unavailable);
}

TEST_P(LiveBrokerListener, with_the_wrong_password_is_denied) {
  Login wrong = live_login();
  wrong.password = "wrong";
  EXPECT_EQ(trouble_of(live_mqtt_options(wrong, live_server().address)).code, Code::denied);
}

TEST(Listener, without_a_server_or_topics_is_invalid) {
  EXPECT_EQ(listen_mqtt({.host = {}}, {"some"}).error().code, Code::invalid);
  EXPECT_EQ(listen_mqtt({.host = "127.0.0.1"}, {}).error().code, Code::invalid);
}

}  // namespace
}  // namespace waybill::broker
