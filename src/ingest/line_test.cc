// A line that is the journal of several processes: whatever is offered, killed and repeated, all copies are the same, and what a door
// was told stands where it was told.
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "broker/simulated_broker.h"
#include "ingest/journals_for_tests.h"
#include "ingest/line_copy.h"
#include "wire/record.h"

namespace waybill::ingest {
namespace {

using broker::SimulatedBroker;

const broker::Line line{.topic = "locations"};
constexpr std::chrono::milliseconds wait_max{30'000};

// One process: its folder, its door, its copy.
struct Node {
  explicit Node(SimulatedBroker& simulated, uint64_t id = 0) : broker(simulated), journal_id(id) {}

  Result<void> start() {
    TRY(kept.open(epoch));
    door = std::make_unique<LineDoor>(broker, line, patience, system_clock(), *kept.metrics);
    auto mark = read_line_mark(*kept.files, "line");
    copy = std::make_unique<Running<LineCopy>>(
        *kept.journal, broker, *door,
        LineCopyOptions{.line = line,
                        .journal_id = journal_id,
                        .mark = mark ? std::optional(*mark) : std::nullopt,
                        .note = [this](const LineMark& now) { return write_line_mark(*kept.files, "line", now); },
                        .erased = erased},
        system_clock(), health, *kept.metrics);
    sending = std::jthread([this](const std::stop_token& stop) { door->run(stop); });
    return {};
  }
  // From then on it takes offers, unless it cannot.
  Result<void> start_whole() {
    TRY(start());
    comes_to([&] { return health.reasons().empty(); });
    return {};
  }
  Result<void> stop() {
    sending = {};
    const auto said = copy->stop();
    copy.reset();
    door.reset();
    kept.journal.reset();
    return said;
  }
  bool comes_up_to(uint64_t end) {
    return comes_to([&] { return kept.journal->durable_end() >= end; });
  }

  SimulatedBroker& broker;
  uint64_t journal_id;
  uint32_t epoch = 1;
  const wire::ErasedNames* erased = nullptr;
  std::chrono::milliseconds patience = wait_max;
  Kept kept{};
  Health health{};
  std::unique_ptr<LineDoor> door{};
  std::unique_ptr<Running<LineCopy>> copy{};
  std::jthread sending{};
};

std::string record_at(const Kept& kept, uint64_t offset) {
  const auto read = kept.journal->read(offset, 1);
  return read ? std::string(as_text(read->records[0])) : read.error().message;
}

TEST(Line, what_several_doors_offer_has_the_same_positions_in_every_copy) {
  SimulatedBroker broker({});
  Node one(broker, 1);
  Node other(broker, 2);
  ASSERT_DONE(one.start_whole());
  ASSERT_DONE(other.start_whole());
  std::map<uint64_t, std::string> told;
  Guarded<std::map<uint64_t, std::string>*> shared(&told);
  {
    std::vector<std::jthread> senders;
    for (uint64_t seed = 0; seed < 8; ++seed)
      senders.emplace_back([&, seed] {
        Random random(seed);
        LineDoor& door = seed % 2 == 0 ? *one.door : *other.door;
        for (int i = 0; i < 20; ++i) {
          const journal::Records records = some_records(random, 1 + random.below(20));
          const auto kept = door.offer(records);
          ASSERT_TRUE(kept) << kept.error().message;
          shared.with([&](auto* all) {
            for (size_t n = 0; n < records.size(); ++n)
              ASSERT_TRUE(all->emplace(kept->first + n, as_text(records[n])).second);
          });
        }
      });
  }
  ASSERT_TRUE(one.comes_up_to(told.size()));
  ASSERT_TRUE(other.comes_up_to(told.size()));
  EXPECT_EQ(one.kept.journal->durable_end(), told.size());
  for (const auto& [offset, record] : told) EXPECT_TRUE(record_at(one.kept, offset) == record) << offset;
  EXPECT_TRUE(one.kept.all() == other.kept.all());
  ASSERT_DONE(one.stop());
  ASSERT_DONE(other.stop());
}

TEST(Line, whatever_is_repeated_away_or_killed_all_copies_are_the_same) {
  const uint64_t first_seed = random_seed();
  for (uint64_t seed = first_seed; seed < first_seed + 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SimulatedBroker broker({.seed = seed, .repeat = 0.1, .fail = 0.05});
    std::array<Node, 2> nodes{Node(broker, 1), Node(broker, 2)};
    for (Node& node : nodes) {
      node.patience = std::chrono::milliseconds(200);
      ASSERT_DONE(node.start_whole());
    }
    std::map<uint64_t, std::string> told;
    for (int round = 0; round < 60; ++round) {
      Node& node = nodes[random.below(2)];
      const journal::Records records = some_records(random, 1 + random.below(30));
      if (const auto kept = node.door->offer(records))
        for (size_t n = 0; n < records.size(); ++n) told.emplace(kept->first + n, as_text(records[n]));
      switch (random.below(8)) {
        case 0:
          ASSERT_DONE(node.stop());
          node.kept.files->crash(seed);
          ASSERT_DONE(node.start_whole());
          break;
        case 1:
          broker.go_away();
          pause(std::chrono::milliseconds(random.below(20)), {});
          broker.come_back();
          break;
        default: break;
      }
    }
    ASSERT_FALSE(told.empty());
    const auto last = [&] {
      const auto kept = nodes[0].door->offer(some_records(random, 1));
      return kept ? kept->first + 1 : 0;
    };
    uint64_t end = 0;
    ASSERT_TRUE(comes_to([&] { return (end = last()) > 0; }));
    for (Node& node : nodes) ASSERT_TRUE(node.comes_up_to(end));
    EXPECT_TRUE(nodes[0].kept.all() == nodes[1].kept.all());
    for (const auto& [offset, record] : told)
      EXPECT_TRUE(record_at(nodes[0].kept, offset) == record) << "what was acknowledged at " << offset << " is lost";
    for (Node& node : nodes) ASSERT_DONE(node.stop());
  }
}

TEST(Line, a_folder_with_records_goes_on_in_a_line_and_copies_of_it_join) {
  SimulatedBroker broker({});
  Node first(broker, 7);
  Random random(1);
  ASSERT_DONE(first.kept.open());
  first.kept.write(random, 100);
  first.kept.journal.reset();
  ASSERT_DONE(first.start_whole());
  const auto kept = first.door->offer(some_records(random, 1));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->first, 100U);

  Node empty(broker, 8);
  ASSERT_DONE(empty.start());
  EXPECT_EQ(empty.copy->said().error().code, Code::conflict);

  Node as_long(broker, 9);  // but of another journal
  ASSERT_DONE(as_long.kept.open());
  as_long.kept.write(random, 100);
  as_long.kept.journal.reset();
  ASSERT_DONE(as_long.start());
  EXPECT_EQ(as_long.copy->said().error().code, Code::conflict);

  Node copied(broker, 7);
  ASSERT_DONE(copied.kept.open());
  Random again(1);
  copied.kept.write(again, 100);
  copied.kept.journal.reset();
  ASSERT_DONE(copied.start());
  EXPECT_TRUE(copied.comes_up_to(101));
  EXPECT_TRUE(copied.kept.all() == first.kept.all());
  ASSERT_DONE(copied.stop());
  ASSERT_DONE(first.stop());
}

TEST(Line, one_that_was_made_anew_or_has_let_go_of_what_is_missing_is_noticed) {
  for (const bool anew : {true, false}) {
    SimulatedBroker broker({});
    Node node(broker, 1);
    ASSERT_DONE(node.start_whole());
    Random random(1);
    for (int i = 0; i < 10; ++i) ASSERT_DONE(node.door->offer(some_records(random, 5)));
    ASSERT_DONE(node.stop());
    if (anew) broker.make_anew(line);
    Node other(broker, 2);
    if (anew) {
      ASSERT_DONE(other.start_whole());
      for (int i = 0; i < 20; ++i) ASSERT_DONE(other.door->offer(some_records(random, 5)));
      ASSERT_DONE(other.stop());
    } else {
      const auto outbox = broker.send_to(line);
      ASSERT_TRUE(outbox);
      for (int i = 0; i < 10; ++i) ASSERT_DONE((*outbox)->send({}, as_bytes(std::string_view("another's"))));
      broker.keep_only(line, 5);
    }
    ASSERT_DONE(node.start());
    EXPECT_EQ(node.copy->said().error().code, anew ? Code::conflict : Code::corrupt);
  }
}

TEST(Line, what_is_none_of_ours_is_passed_over) {
  SimulatedBroker broker({});
  Node node(broker, 1);
  ASSERT_DONE(node.start_whole());
  Random random(1);
  ASSERT_DONE(node.door->offer(some_records(random, 2)));
  const auto outbox = broker.send_to(line);
  ASSERT_TRUE(outbox);
  ASSERT_DONE((*outbox)->send({}, as_bytes(std::string_view("poison"))));
  const auto kept = node.door->offer(some_records(random, 2));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->first, 2U);
  ASSERT_DONE(node.stop());
}

TEST(Line, while_the_broker_is_away_nothing_is_acknowledged_and_few_wait_for_it) {
  SimulatedBroker broker({});
  Node node(broker, 1);
  node.patience = std::chrono::milliseconds(50);
  ASSERT_DONE(node.start_whole());
  Random random(1);
  ASSERT_DONE(node.door->offer(some_records(random, 1)));
  broker.go_away();
  {
    std::vector<std::jthread> senders;
    for (uint64_t seed = 0; seed < 20; ++seed)
      senders.emplace_back([&, seed] {
        Random own(seed);
        EXPECT_EQ(node.door->offer(some_records(own, 1)).error().code, Code::unavailable);
      });
  }
  EXPECT_EQ(node.kept.journal->durable_end(), 1U);
  broker.come_back();
  EXPECT_TRUE(comes_to([&] { return node.door->offer(some_records(random, 1)).has_value(); }));
  ASSERT_DONE(node.stop());
}

TEST(Line, more_than_a_message_may_hold_is_refused) {
  SimulatedBroker broker({});
  Node node(broker, 1);
  ASSERT_DONE(node.start_whole());
  journal::Records records;
  for (int i = 0; i < 3; ++i) {
    records.bytes += std::string(500'000, 'x');
    records.ends.push_back(records.bytes.size());
  }
  EXPECT_EQ(node.door->offer(records).error().code, Code::invalid);
  ASSERT_DONE(node.stop());
}

TEST(Line, who_was_erased_is_not_written_to_the_copy_under_a_name) {
  SimulatedBroker broker({});
  wire::ErasedNames erased;
  erased.set_key({.high = 1, .low = 2});
  Node node(broker, 1);
  node.erased = &erased;
  ASSERT_DONE(node.start_whole());
  const DelivererId who("somebody");
  journal::Records records;
  wire::encode_record(wire::Record(Location{.deliverer = who}), records.bytes);
  records.ends.push_back(records.bytes.size());
  ASSERT_DONE(node.door->offer(records));
  EXPECT_TRUE(record_at(node.kept, 0) == records.bytes);
  erased.add({.kind = Erasure::Kind::deliverer, .name = erased.hash_of(Erasure::Kind::deliverer, who.text)});
  ASSERT_DONE(node.door->offer(records));
  EXPECT_EQ(record_at(node.kept, 1).find(who.text), std::string::npos);
  ASSERT_DONE(node.stop());
}

}  // namespace
}  // namespace waybill::ingest
