// What every broker promises, on those in memory and, where WAYBILL_TEST_BROKER names one (tools/services.py), on a real server.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/random.h"
#include "broker/kafka_broker.h"
#include "broker/live_server_for_tests.h"
#include "broker/simulated_broker.h"

namespace waybill::broker {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds step_wait{500};
constexpr int steps_max = 60;  // of step_wait, in which nothing comes that has to come

std::unique_ptr<Broker> open_live(const Login& who, const std::string& address = live_server().address) {
  const bool tls = live_server().scheme.back() == 's';
  if (live_server().scheme.starts_with("kafka"))
    return open_kafka({.servers = address, .tls = tls, .login = who}).value();
  return open_mqtt(live_mqtt_options(who, address)).value();
}

using Open = std::function<std::unique_ptr<Broker>()>;

class BrokerContract : public testing::TestWithParam<Open> {
 protected:
  // A new line of this test's own.
  Line line() {
    static int count = 0;
    const Line made{.topic = "contract." + std::to_string(run_) + '-' + std::to_string(++count), .partition = 0};
    EXPECT_TRUE(broker_->make(made)) << broker_->make(made).error().message;
    return made;
  }
  std::unique_ptr<Outbox> outbox(const Line& line) {
    auto opened = broker_->send_to(line);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  std::unique_ptr<Inbox> inbox(const Line& line) {
    auto opened = broker_->receive_from(line);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  // Sent, whatever has to be waited for, and acknowledged.
  static void send_all(Outbox& outbox, const std::vector<std::string>& messages) {
    uint64_t acknowledged = outbox.acknowledged(0, milliseconds(0)).value_or(0);
    const uint64_t before = acknowledged;
    for (const std::string& message : messages)
      for (int steps = 0;; ++steps) {
        const auto sent = outbox.send("key", as_bytes(message));
        if (sent) break;
        ASSERT_EQ(sent.error().code, Code::overloaded) << sent.error().message;
        ASSERT_LT(steps, steps_max);
        acknowledged = outbox.acknowledged(acknowledged, step_wait).value_or(acknowledged);
      }
    std::string why;
    for (int steps = 0; acknowledged < before + messages.size() && steps < steps_max; ++steps) {
      const auto now = outbox.acknowledged(acknowledged, step_wait);
      if (!now) why = now.error().message;
      if (now && *now > acknowledged) steps = 0;
      acknowledged = now.value_or(acknowledged);
    }
    EXPECT_EQ(acknowledged, before + messages.size()) << why;
  }
  // What comes until the last of these has; a message that comes again directly is one.
  static std::vector<std::string> received(Inbox& inbox, const std::string& last) {
    std::vector<std::string> all;
    for (int steps = 0; steps < steps_max && (all.empty() || all.back() != last); ++steps) {
      auto come = inbox.receive(step_wait);
      if (!come) continue;  // unavailable is tried again
      if (!come->empty()) steps = 0;
      for (Message& message : *come)
        if (all.empty() || all.back() != message.bytes) all.push_back(std::move(message.bytes));
    }
    return all;
  }

  const uint64_t run_ = random_seed() % 1'000'000'000;
  const std::unique_ptr<Broker> broker_ = GetParam()();
};

std::vector<std::string> messages(const std::string& begin, int count, uint64_t seed = 1) {
  Random random(seed);
  std::vector<std::string> made;
  for (int i = 0; i < count; ++i) {
    std::string bytes = begin + std::to_string(i) + ':';
    for (uint64_t length = random.below(2000); length > 0; --length) bytes += static_cast<char>(random.below(256));
    made.push_back(std::move(bytes));
  }
  return made;
}

TEST_P(BrokerContract, messages_come_in_the_order_in_which_they_were_sent) {
  const Line here = line();
  const auto in = inbox(here);
  const auto out = outbox(here);
  // Mosquitto drops what is more than a thousand behind.
  const auto sent = messages("", broker_->keeps() ? 3000 : 500);
  send_all(*out, sent);
  EXPECT_TRUE(received(*in, sent.back()) == sent);
}

TEST_P(BrokerContract, several_who_receive_get_all_of_it_each) {
  const Line here = line();
  const auto in = inbox(here);
  const auto other = broker_->keeps() ? inbox(here) : nullptr;  // of a wire each wants a name of its own
  const auto out = outbox(here);
  const auto sent = messages("", 100);
  send_all(*out, sent);
  EXPECT_TRUE(received(*in, sent.back()) == sent);
  if (other) {
    EXPECT_TRUE(received(*other, sent.back()) == sent);
  }
}

TEST_P(BrokerContract, what_was_sent_before_it_was_opened_does_not_come_by_itself) {
  const Line here = line();
  const auto out = outbox(here);
  send_all(*out, {"before"});
  const auto in = inbox(here);
  send_all(*out, {"behind"});
  EXPECT_EQ(received(*in, "behind"), std::vector<std::string>{"behind"});
}

TEST_P(BrokerContract, lines_do_not_mix) {
  const Line here = line(), there = line();
  const auto in = inbox(here), in_there = inbox(there);
  const auto out = outbox(here), out_there = outbox(there);
  const auto sent = messages("here", 50), sent_there = messages("there", 50);
  send_all(*out, sent);
  send_all(*out_there, sent_there);
  EXPECT_TRUE(received(*in, sent.back()) == sent);
  EXPECT_TRUE(received(*in_there, sent_there.back()) == sent_there);
}

TEST_P(BrokerContract, a_large_message_comes_and_one_that_is_too_large_is_invalid) {
  const Line here = line();
  const auto in = inbox(here);
  const auto out = outbox(here);
  const std::string large(1'000'000, 'x');
  send_all(*out, {large});
  EXPECT_EQ(out->send("", as_bytes(std::string(message_bytes_max + 1, 'x'))).error().code, Code::invalid);
  send_all(*out, {"behind"});
  EXPECT_TRUE(received(*in, "behind") == (std::vector<std::string>{large, "behind"}));
}

TEST_P(BrokerContract, what_is_kept_is_read_again_by_its_place) {
  const Line here = line();
  const auto in = inbox(here);
  if (!broker_->keeps()) {
    EXPECT_TRUE(in->places().value().empty());
    EXPECT_EQ(in->seek(0).error().code, Code::invalid);
    return;
  }
  EXPECT_TRUE(in->places().value().empty());
  const auto out = outbox(here);
  const auto sent = messages("", 500);
  send_all(*out, sent);
  const Places places = in->places().value();
  ASSERT_EQ(places.end - places.begin, sent.size());
  Random random(run_);
  for (int i = 0; i < 20; ++i) {
    const size_t from = random.below(sent.size());
    ASSERT_TRUE(in->seek(places.begin + from));
    EXPECT_TRUE(received(*in, sent.back()) ==
                std::vector<std::string>(sent.begin() + static_cast<ptrdiff_t>(from), sent.end()));
  }
  ASSERT_TRUE(in->seek(places.end));
  EXPECT_EQ(in->seek(places.end + 1).error().code, Code::invalid);
  send_all(*out, {"behind"});
  EXPECT_EQ(received(*in, "behind"), std::vector<std::string>{"behind"});
}

TEST_P(BrokerContract, whatever_is_sent_by_chance_each_line_has_it_in_order) {
  const uint64_t seed = random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  constexpr size_t count = 3;
  std::vector<Line> lines;
  std::vector<std::unique_ptr<Inbox>> in;
  std::vector<std::unique_ptr<Outbox>> out;
  std::vector<std::vector<std::string>> sent(count), come(count);
  for (size_t i = 0; i < count; ++i) {
    lines.push_back(line());
    in.push_back(inbox(lines.back()));
    out.push_back(outbox(lines.back()));
  }
  for (int i = 0; i < 60; ++i) {
    const size_t one = random.below(count);
    switch (random.below(4)) {
      case 0: out[one] = outbox(lines[one]); break;  // the one before has been acknowledged all of it
      case 1:
        if (auto some = in[one]->receive(milliseconds(random.below(20))))
          for (Message& message : *some) come[one].push_back(std::move(message.bytes));
        break;
      default: {
        const auto more = messages(std::to_string(i) + '.', 1 + static_cast<int>(random.below(50)), random.next());
        sent[one].insert(sent[one].end(), more.begin(), more.end());
        send_all(*out[one], more);
      }
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (sent[i].empty()) continue;
    if (come[i].empty() || come[i].back() != sent[i].back())
      for (std::string& bytes : received(*in[i], sent[i].back())) come[i].push_back(std::move(bytes));
    come[i].erase(std::unique(come[i].begin(), come[i].end()), come[i].end());
    EXPECT_TRUE(come[i] == sent[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(SimulatedThatKeeps, BrokerContract, testing::Values([] {
                           return std::unique_ptr<Broker>(
                               std::make_unique<SimulatedBroker>(SimulatedBrokerOptions{.keeps = true}));
                         }));
INSTANTIATE_TEST_SUITE_P(SimulatedWire, BrokerContract, testing::Values([] {
                           return std::unique_ptr<Broker>(
                               std::make_unique<SimulatedBroker>(SimulatedBrokerOptions{.keeps = false}));
                         }));
std::vector<Open> live() {
  if (!there_is_a_server()) return {};
  return {[] { return open_live(live_login()); }};
}
INSTANTIATE_TEST_SUITE_P(LiveBroker, BrokerContract, testing::ValuesIn(live()));

// The parameter is there for the number of tests alone: none without a server.
class LiveBroker : public testing::TestWithParam<int> {
 protected:
  static Error trouble_of(Broker& broker) {
    const Line line{.topic = "trouble", .partition = 0};
    if (auto made = broker.make(line); !made) return made.error();
    auto out = broker.send_to(line);
    if (!out) return out.error();
    for (int steps = 0; steps < steps_max; ++steps) {
      if (auto sent = (*out)->send("", as_bytes("x")); !sent) return sent.error();
      if (auto acknowledged = (*out)->acknowledged(UINT64_MAX, step_wait); !acknowledged) return acknowledged.error();
    }
    return {Code::invalid, "no trouble at all"};
  }
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveBroker);
INSTANTIATE_TEST_SUITE_P(Server, LiveBroker, testing::Range(0, there_is_a_server() ? 1 : 0));

TEST_P(LiveBroker, that_cannot_be_reached_is_unavailable) {
  const auto broker = open_live(live_login(), "127.0.0.1:1");
  const Error said = trouble_of(*broker);
  EXPECT_EQ(said.code, Code::unavailable) << said.message;
  EXPECT_EQ(broker->receive_from({.topic = "trouble", .partition = 0}).error().code, Code::unavailable);
}

TEST_P(LiveBroker, does_not_let_in_who_has_the_wrong_password) {
  if (live_login().user.empty()) return;  // it asks for none
  Login wrong = live_login();
  wrong.password = "wrong";
  const Error said = trouble_of(*open_live(wrong));
  EXPECT_EQ(said.code, Code::denied) << said.message;
  EXPECT_EQ(said.message.find(wrong.password), std::string::npos);
}

TEST_P(LiveBroker, tells_who_may_not_write) {
  if (live_variable("_READER").empty()) return;  // it knows no such user
  Login reader = live_login();
  reader.user = live_variable("_READER");
  const Error said = trouble_of(*open_live(reader));
  EXPECT_EQ(said.code, Code::denied) << said.message;
}

TEST_P(LiveBroker, that_nobody_vouches_for_is_not_talked_to) {
  if (live_variable("_CA_FILE").empty()) return;  // it speaks no TLS
  Login strangers = live_login();
  strangers.ca_file.clear();
  const Error said = trouble_of(*open_live(strangers));
  EXPECT_EQ(said.code, Code::unavailable) << said.message;
}

}  // namespace
}  // namespace waybill::broker
