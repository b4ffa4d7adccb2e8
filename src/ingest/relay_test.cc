// A journal handed on to another's over brokers that keep and brokers that lose: what is there in the end is the same, byte for byte.
#include "ingest/relay.h"

#include <gtest/gtest.h>

#include "broker/simulated_broker.h"
#include "ingest/journals_for_tests.h"
#include "ingest/replica.h"

namespace waybill::ingest {
namespace {

using broker::SimulatedBroker;

const std::string topic = "locations";

// What it follows stays known, as in a data folder.
ReplicaOptions following(const std::string& name, uint64_t& journal_id) {
  return {.topic = topic, .name = name, .journal_id = journal_id, .adopt = [&journal_id](uint64_t its) -> Result<void> {
            journal_id = its;
            return {};
          }};
}

RelayOptions options_for(Kept& kept, std::vector<std::string> followers) {
  return {.topic = topic,
          .journal_id = 7,
          .followers = std::move(followers),
          .patience = std::chrono::milliseconds(100),
          .wait = [&kept](uint64_t offset, auto at_most,
                          const auto& stop) { kept.journal->wait_for(offset, at_most, stop); },
          .note = [](Position) -> Result<void> { return {}; }};
}

// One end of each, with the numbers that they count.
struct Ends {
  explicit Ends(SimulatedBroker& simulated, std::vector<std::string> names = {"other"})
      : broker(simulated), followers(std::move(names)) {}

  std::unique_ptr<Running<Relay>> relay() {
    return std::make_unique<Running<Relay>>(*here.journal, broker, options_for(here, followers), system_clock(),
                                            *here.metrics);
  }
  std::unique_ptr<Running<Replica>> replica(const std::string& name = "other") {
    return std::make_unique<Running<Replica>>(*there.journal, broker, following(name, followed), system_clock(), health,
                                              *there.metrics);
  }
  bool level() {
    return comes_to([&] { return there.journal->durable_end() == here.journal->durable_end(); });
  }

  SimulatedBroker& broker;
  std::vector<std::string> followers;
  Kept here{};
  Kept there{};
  uint64_t followed = 0;  // by there
  Health health{};
};

class RelayOver : public testing::TestWithParam<bool> {};

TEST_P(RelayOver, another_journal_gets_every_record_once_at_its_position) {
  SimulatedBroker broker({.keeps = GetParam()});
  Ends ends(broker);
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(ends.there.open());
  Random random(1);
  ends.here.write(random, 1000);
  const auto replica = ends.replica();
  const auto relay = ends.relay();
  for (int i = 0; i < 50; ++i) ends.here.write(random, 1 + random.below(300));
  EXPECT_TRUE(ends.level());
  EXPECT_TRUE(comes_to([&] { return (**relay).handed_on() == ends.here.journal->durable_end(); }));
  ASSERT_DONE(relay->stop());
  ASSERT_DONE(replica->stop());
  EXPECT_TRUE(ends.there.all() == ends.here.all());
}

TEST_P(RelayOver, whatever_is_lost_repeated_or_killed_both_journals_are_the_same) {
  const uint64_t first_seed = random_seed();
  for (uint64_t seed = first_seed; seed < first_seed + 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SimulatedBroker broker({.keeps = GetParam(), .seed = seed, .lose = 0.1, .repeat = 0.1, .fail = 0.05});
    Ends ends(broker);
    ASSERT_DONE(ends.here.open());
    ASSERT_DONE(ends.there.open());
    auto relay = ends.relay();
    auto replica = ends.replica();
    for (int round = 0; round < 30; ++round) {
      ends.here.write(random, random.below(200));
      switch (random.below(6)) {
        case 0:
          ASSERT_DONE(relay->stop());
          relay = ends.relay();
          break;
        case 1:
          ASSERT_DONE(replica->stop());
          ends.there.journal.reset();
          ends.there.files->crash(seed);
          ASSERT_DONE(ends.there.open());
          replica = ends.replica();
          break;
        case 2:
          broker.go_away();
          pause(std::chrono::milliseconds(random.below(20)), {});
          broker.come_back();
          break;
        default: pause(std::chrono::milliseconds(random.below(5)), {});
      }
    }
    EXPECT_TRUE(ends.level()) << ends.there.journal->durable_end() << " of " << ends.here.journal->durable_end();
    ASSERT_DONE(relay->stop());
    ASSERT_DONE(replica->stop());
    EXPECT_TRUE(ends.there.all() == ends.here.all());
  }
}

TEST_P(RelayOver, messages_of_others_on_the_line_are_passed_over_and_counted) {
  SimulatedBroker broker({.keeps = GetParam()});
  Ends ends(broker);
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(ends.there.open());
  const auto stranger = broker.send_to({.topic = topic, .partition = 0}).value();
  ASSERT_DONE(stranger->send({}, as_bytes("hello")));
  Random random(2);
  ends.here.write(random, 10);
  auto relay = ends.relay();
  const auto replica = ends.replica();
  ASSERT_TRUE(ends.level());
  ASSERT_DONE(stranger->send({}, as_bytes("WBP1 but no parcel")));
  ASSERT_DONE(relay->stop());
  relay = ends.relay();  // it looks for the newest parcel behind what is none
  ends.here.write(random, 10);
  EXPECT_TRUE(ends.level());
  ASSERT_DONE(relay->stop());
  ASSERT_DONE(replica->stop());
  EXPECT_TRUE(ends.there.all() == ends.here.all());
  EXPECT_GE(ends.there.metrics->counter("waybill_replica_foreign_total", "").value(), 1U);
}

TEST_P(RelayOver, a_journal_of_another_epoch_is_refused) {
  SimulatedBroker broker({.keeps = GetParam()});
  Ends ends(broker);
  ASSERT_DONE(ends.here.open(7));
  ASSERT_DONE(ends.there.open(1));
  Random random(3);
  ends.here.write(random, 10);
  const auto relay = ends.relay();
  const auto replica = ends.replica();
  const auto said = replica->said();
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().code, Code::conflict) << said.error().message;
  EXPECT_EQ(ends.there.journal->durable_end(), 0U);
  static_cast<void>(relay->stop());
}

INSTANTIATE_TEST_SUITE_P(Broker, RelayOver, testing::Bool(),
                         [](const auto& each) { return each.param ? "that_keeps" : "that_does_not"; });

TEST(Relay, what_not_every_follower_has_is_not_handed_on) {
  SimulatedBroker broker({.keeps = false});
  Ends ends(broker, {"other", "third"});
  Kept third;
  uint64_t id = 0;
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(ends.there.open());
  ASSERT_DONE(third.open());
  Random random(4);
  ends.here.write(random, 100);
  const auto relay = ends.relay();
  const auto replica = ends.replica();
  pause(std::chrono::milliseconds(50), {});
  EXPECT_EQ((**relay).handed_on(), 0U);
  Health health;
  Running<Replica> late(*third.journal, broker, following("third", id), system_clock(), health, *third.metrics);
  EXPECT_TRUE(comes_to([&] { return (**relay).handed_on() == 100; }));
  ASSERT_DONE(relay->stop());
  ASSERT_DONE(replica->stop());
  ASSERT_DONE(late.stop());
  EXPECT_TRUE(third.all() == ends.here.all());
}

TEST(Relay, a_follower_that_is_behind_what_the_broker_kept_stops_and_says_so) {
  SimulatedBroker broker({.keeps = true});
  Ends ends(broker);
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(ends.there.open());
  Random random(5);
  const auto relay = ends.relay();
  for (int i = 0; i < 10; ++i) {
    ends.here.write(random, 500);
    ASSERT_TRUE(comes_to([&] { return (**relay).handed_on() == ends.here.journal->durable_end(); }));
  }
  broker.keep_only({.topic = topic, .partition = 0}, 2);
  const auto replica = ends.replica();
  const auto said = replica->said();
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().code, Code::corrupt) << said.error().message;
  ASSERT_DONE(relay->stop());
}

TEST(Relay, a_journal_that_has_less_than_the_broker_is_refused) {
  SimulatedBroker broker({.keeps = true});
  Ends ends(broker);
  ASSERT_DONE(ends.here.open());
  Random random(6);
  ends.here.write(random, 10);
  auto relay = ends.relay();
  ASSERT_TRUE(comes_to([&] { return (**relay).handed_on() == 10; }));
  ASSERT_DONE(relay->stop());
  relay.reset();
  ends.here.journal.reset();
  ends.here = Kept();
  ASSERT_DONE(ends.here.open());
  ends.here.write(random, 5);
  relay = ends.relay();
  EXPECT_TRUE(comes_to([&] { return (**relay).trouble().contains("records are gone from its end"); }));
  ASSERT_DONE(relay->stop());
}

TEST(Relay, two_journals_do_not_share_a_topic) {
  SimulatedBroker broker({.keeps = true});
  Ends ends(broker);
  Kept other;
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(other.open());
  Random random(7);
  ends.here.write(random, 10);
  other.write(random, 10);
  auto relay = ends.relay();
  ASSERT_TRUE(comes_to([&] { return (**relay).handed_on() == 10; }));
  RelayOptions options = options_for(other, {});
  options.journal_id = 8;
  Running<Relay> second(*other.journal, broker, options, system_clock(), *other.metrics);
  EXPECT_TRUE(comes_to([&] { return (*second).trouble().contains("parcels of another journal"); }));
  EXPECT_EQ((*second).handed_on(), 0U);
  ASSERT_DONE(second.stop());
  ASSERT_DONE(relay->stop());
}

TEST(Relay, a_follower_that_is_away_holds_up_trimming_and_not_the_others) {
  SimulatedBroker broker({.keeps = false});
  Ends ends(broker, {"other", "away"});
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(ends.there.open());
  Random random(8);
  ends.here.write(random, 2000);
  const auto relay = ends.relay();
  const auto replica = ends.replica();
  EXPECT_TRUE(ends.level());
  EXPECT_EQ((**relay).handed_on(), 0U);
  EXPECT_TRUE((**relay).trouble().contains("away: is not heard")) << (**relay).trouble();
  ASSERT_DONE(relay->stop());
  ASSERT_DONE(replica->stop());
}

TEST(Relay, a_follower_that_needs_what_was_trimmed_stops_nobody) {
  SimulatedBroker broker({.keeps = false});
  Ends ends(broker, {"other", "late"});
  ASSERT_DONE(ends.here.open());
  ASSERT_DONE(ends.there.open());
  Random random(9);
  auto replica = ends.replica();
  auto relay = ends.relay();
  for (int i = 0; i < 20; ++i) ends.here.write(random, 500);
  ASSERT_TRUE(ends.level());
  ASSERT_DONE(ends.here.journal->trim(ends.here.journal->durable_end()));
  ASSERT_GT(ends.here.journal->begin(), 0U);
  Kept late;
  uint64_t id = 0;
  ASSERT_DONE(late.open());
  Health health;
  Running<Replica> needing(*late.journal, broker, following("late", id), system_clock(), health, *late.metrics);
  EXPECT_TRUE(comes_to([&] { return (**relay).trouble().contains("late: it needs the journal from 0 on"); }));
  ends.here.write(random, 500);
  EXPECT_TRUE(ends.level());
  EXPECT_EQ(late.journal->durable_end(), 0U);
  ASSERT_DONE(needing.stop());
  ASSERT_DONE(relay->stop());
  ASSERT_DONE(replica->stop());
}

TEST(Relay, goes_on_when_the_topic_is_made_anew) {
  SimulatedBroker broker({.keeps = true});
  Ends ends(broker);
  ASSERT_DONE(ends.here.open());
  Random random(10);
  ends.here.write(random, 100);
  const auto relay = ends.relay();
  ASSERT_TRUE(comes_to([&] { return (**relay).handed_on() == 100; }));
  broker.make_anew({.topic = topic, .partition = 0});
  ends.here.write(random, 100);
  EXPECT_TRUE(comes_to([&] { return (**relay).handed_on() == 200; }));
  ASSERT_DONE(ends.there.open());
  const auto replica = ends.replica();
  EXPECT_TRUE(ends.level());
  ASSERT_DONE(relay->stop());
  ASSERT_DONE(replica->stop());
  EXPECT_TRUE(ends.there.all() == ends.here.all());
}

}  // namespace
}  // namespace waybill::ingest
