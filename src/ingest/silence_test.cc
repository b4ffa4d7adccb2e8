#include "ingest/silence.h"

#include <gtest/gtest.h>

#include "base/simulated_files.h"
#include "ingest/books.h"
#include "ingest/subscribe.h"
#include "store/memory.h"

namespace waybill::ingest {
namespace {

const Time noon = at_us(1'705'320'000'000'000);

class SilenceOf : public testing::Test {
 protected:
  SilenceOf() {
    journal_ =
        std::move(*journal::open_journal({.folder = "journal", .segment_bytes = 1 << 20}, *files_, clock_, *metrics_));
    store_ = std::move(*store::open_memory_store());
    acceptor_.emplace(*journal_, *metrics_);
    subscriber_.emplace(*journal_, *store_, progress_, health_, clock_, *metrics_);
    silence_.emplace(*journal_, *store_, *acceptor_, clock_, *metrics_, std::chrono::minutes(2));
  }
  void send(const std::string& order, DeliveryState state = DeliveryState::on_the_way, std::string attributes = {}) {
    Location location;
    location.order = OrderId(order);
    location.state = state;
    location.fix_time = location.received_at = clock_.now();
    location.attributes = std::move(attributes);
    const wire::Record record = location;
    ASSERT_TRUE(acceptor_->accept({&record, 1}));
    put_all();
  }
  void put_all() {
    ASSERT_TRUE(journal_->commit());
    while (*subscriber_->step() > 0) {
    }
  }
  size_t look() {
    const auto said = silence_->step(clock_.now());
    EXPECT_TRUE(said) << said.error().message;
    put_all();
    return said.value_or(0);
  }
  Order order(const std::string& id) { return (*store_->order(OrderId(id)))->order; }

  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  ManualClock clock_{noon};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  Health health_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<store::Store> store_;
  Progress progress_;
  std::optional<Acceptor> acceptor_;
  std::optional<Subscriber> subscriber_;
  std::optional<Silence> silence_;
};

TEST_F(SilenceOf, an_order_is_told_once_when_its_time_is_over_and_again_after_it_was_heard_of) {
  send("a");
  EXPECT_EQ(look(), 0u);
  clock_.advance(std::chrono::seconds(119));
  EXPECT_EQ(look(), 0u);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(look(), 1u);
  EXPECT_EQ(order("a").silent_since, noon);
  clock_.advance(std::chrono::minutes(10));
  EXPECT_EQ(look(), 0u);
  send("a");
  EXPECT_FALSE(order("a").silent_since);
  clock_.advance(std::chrono::seconds(90));
  EXPECT_EQ(look(), 0u);
  clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(look(), 1u);
}

TEST_F(SilenceOf, the_reason_is_what_the_phone_said_with_its_last_location) {
  send("a", DeliveryState::start, R"({"battery":3,"silence_reason":"low_battery"})");
  send("b", DeliveryState::start, R"({"battery":3})");
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(look(), 2u);
  EXPECT_EQ(order("a").silence_reason, "low_battery");
  EXPECT_EQ(order("b").silence_reason, "");
}

TEST_F(SilenceOf, said_twice_before_it_is_seen_it_counts_once) {
  send("a");
  clock_.advance(std::chrono::minutes(2));
  ASSERT_TRUE(silence_->step(clock_.now()));
  ASSERT_TRUE(silence_->step(clock_.now()));
  put_all();
  EXPECT_EQ(store_->watermarks().taken[static_cast<size_t>(store::Outcome::repeat)], 1u);
  EXPECT_EQ(look(), 0u);
}

TEST_F(SilenceOf, many_are_told_look_by_look_and_a_day_old_one_is_let_be) {
  send("old");
  clock_.advance(std::chrono::hours(25));
  for (size_t i = 0; i < Silence::said_at_once_max + 3; ++i) send("o" + std::to_string(i));
  clock_.advance(std::chrono::minutes(3));
  EXPECT_EQ(look(), Silence::said_at_once_max);
  EXPECT_EQ(look(), 3u);
  EXPECT_EQ(look(), 0u);
  EXPECT_FALSE(order("old").silent_since);
}

}  // namespace
}  // namespace waybill::ingest
