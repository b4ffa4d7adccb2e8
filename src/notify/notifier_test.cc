#include "notify/notifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/simulated_files.h"
#include "notify/standing_file.h"
#include "store/memory.h"
#include "store/store_contract.h"
#include "wire/json_text.h"

namespace waybill::notify {
namespace {

using store::arrived;
using store::at;
using store::seen;
using store::start;
using Names = std::vector<std::string>;

constexpr std::chrono::milliseconds no_wait{0};

// What a receiver sees, and what it answers as the test says.
class Receiver final : public Transport {
 public:
  void send(Outgoing outgoing) override { waiting.push_back(std::move(outgoing)); }
  std::vector<Answer> wait(std::chrono::milliseconds most) override {
    waited = most;
    answered = !silent && !waiting.empty();
    std::vector<Answer> answers;
    if (silent) return answers;
    for (Outgoing& outgoing : std::exchange(waiting, {})) {
      const std::string id = value_of(outgoing, "webhook-id: ");
      const int status = answer_to ? answer_to(id) : 200;
      seen_ids.push_back(id + (status == 200 ? "" : " " + std::to_string(status)));
      answers.push_back({.ticket = outgoing.ticket,
                         .status = status,
                         .error = status == 0 ? "nobody there" : "",
                         .retry_after = retry_after});
      last = std::move(outgoing);
    }
    return answers;
  }
  void wake() override {}

  static std::string value_of(const Outgoing& outgoing, const std::string& name) {
    for (const std::string& header : outgoing.headers)
      if (header.starts_with(name)) return header.substr(name.size());
    return {};
  }

  std::function<int(const std::string& id)> answer_to;
  std::optional<std::chrono::seconds> retry_after;
  bool silent = false;
  std::vector<Outgoing> waiting;  // sent and not answered
  Names seen_ids;                 // "1-0-2.0", with the status that was not 200
  Outgoing last;
  std::chrono::milliseconds waited{};  // as the last wait() said
  bool answered = false;               // it gave something
};

// The store, but for what a test lets fail.
class FailingStore final : public store::Store {
 public:
  explicit FailingStore(std::unique_ptr<store::Store>& of) : of_(of) {}

  Result<void> put(Position journal, std::span<const store::Entry> entries, std::vector<Event>* told) override {
    return of_->put(journal, entries, told);
  }
  Result<void> flush() override { return of_->flush(); }
  store::Watermarks watermarks() const override { return of_->watermarks(); }
  Result<bool> purge(uint64_t below) override { return of_->purge(below); }
  Result<store::Swept> erase(const Erasure& erasure) override { return of_->erase(erasure); }
  Result<std::vector<store::ErasureRow>> erasures() const override { return of_->erasures(); }
  Result<std::optional<store::OrderView>> order(const OrderId& id) const override { return of_->order(id); }
  Result<std::optional<store::DelivererView>> deliverer(const DelivererId& id) const override {
    return of_->deliverer(id);
  }
  Result<store::TrackPage> track(const store::TrackQuery& query) const override { return of_->track(query); }
  Result<store::OrdersPage> orders(const store::OrdersQuery& query) const override { return of_->orders(query); }
  Result<store::UnheardPage> unheard(const store::UnheardQuery& query) const override { return of_->unheard(query); }
  Result<std::vector<store::Found>> find(const std::string& client_id) const override { return of_->find(client_id); }
  Result<store::QuarantinePage> quarantined(uint64_t from, size_t limit) const override {
    return of_->quarantined(from, limit);
  }
  Result<std::optional<Access>> access(Grant::Kind kind, const std::string& id) const override {
    return of_->access(kind, id);
  }
  Result<store::AccessPage> accesses(const store::AccessQuery& query) const override { return of_->accesses(query); }
  Result<std::vector<store::HookRow>> hooks() const override {
    if (hooks_fail) return fail(Code::unavailable, "no");
    return of_->hooks();
  }
  Result<std::vector<store::OutboxRow>> outbox(EventPlace from, size_t limit) const override {
    return of_->outbox(from, limit);
  }
  Result<bool> drop_outbox(uint64_t below) override { return of_->drop_outbox(below); }
  Result<std::vector<store::Ledger>> ledgers() const override { return of_->ledgers(); }
  Result<store::Recount> recount() const override { return of_->recount(); }

  bool hooks_fail = false;

 private:
  std::unique_ptr<store::Store>& of_;
};

class NotifierTest : public testing::Test {
 protected:
  NotifierTest() { begin(); }

  void begin() {
    metrics = make_metrics();
    notifier = std::make_unique<Notifier>(
        NotifyParts{
            .store = seen_store,
            .files = *files,
            .clock = clock,
            .metrics = *metrics,
            .transport = receiver,
            .signer = *signer,
            .position = [this](uint64_t offset) { return Position{.epoch = epoch, .partition = 0, .offset = offset}; }},
        NotifyOptions{.folder = "/data/notify"});
  }
  // As kill -9: what was not saved is gone.
  void killed() {
    notifier.reset();
    receiver.waiting.clear();
    begin();
  }
  void put(const std::vector<wire::Record>& records) {
    std::vector<store::Entry> entries;
    for (const wire::Record& record : records) entries.push_back({.offset = end++, .record = record, .undecoded = {}});
    ASSERT_TRUE(store->put({.epoch = 1, .partition = 0, .offset = entries[0].offset}, entries));
  }
  void add_hook(const std::string& id = "h", EventKinds events = {Event::Kind::state}) {
    put({Hook{.id = id, .removed = false, .url = "https://a.example/", .events = events, .at = at(0), .by = "test"}});
  }
  void steps(int count) {
    for (int i = 0; i < count; ++i) notifier->step(no_wait);
  }
  // Rounds, each as late as the one before said, for so long.
  void pass(Duration time) {
    const Time until = clock.now() + time;
    while (clock.now() < until) {
      notifier->step(std::chrono::minutes(10));
      if (!receiver.answered)
        clock.advance(
            std::min<Duration>(std::max(receiver.waited, std::chrono::milliseconds(100)), until - clock.now()));
    }
    notifier->step(no_wait);
  }
  std::string deliveries(const std::string& outcome = {}) {
    std::string text;
    const auto page = notifier->deliveries("h", {.outcome = outcome});
    EXPECT_TRUE(page);
    for (const std::string& line : page->deliveries) text += line + "\n";
    return text;
  }

  uint32_t epoch = 1;
  std::unique_ptr<SimulatedFiles> files = make_simulated_files(1);
  ManualClock clock{at(1000)};
  std::unique_ptr<store::Store> store = std::move(*store::open_memory_store());
  FailingStore seen_store{store};
  std::unique_ptr<Metrics> metrics;
  Receiver receiver;
  std::unique_ptr<Signer> signer = std::make_unique<Signer>("", std::string(32, 'k'));
  std::unique_ptr<Notifier> notifier;
  uint64_t end = 0;
};

TEST_F(NotifierTest, tells_what_is_wanted_with_a_signature_that_the_secret_proves) {
  add_hook();
  put({seen("a", "d", 10, start), seen("a", "d", 20), seen("a", "d", 30, arrived)});
  steps(2);
  EXPECT_EQ(receiver.seen_ids, (Names{"1-0-1.0", "1-0-3.0"}));
  const std::string stamp = Receiver::value_of(receiver.last, "webhook-timestamp: ");
  EXPECT_EQ(stamp, std::to_string(to_us(at(1000)) / 1'000'000));
  EXPECT_EQ(Receiver::value_of(receiver.last, "webhook-signature: "),
            *signer->signature("h", "1-0-3.0", std::stoll(stamp), receiver.last.body));
  EXPECT_TRUE(receiver.last.body.starts_with(
      R"({"id":"1-0-3.0","type":"order.state","timestamp":"2024-01-15T09:00:31.000Z","data":{"order_id":"a",)"))
      << receiver.last.body;
}

TEST_F(NotifierTest, of_one_order_an_event_waits_for_those_before_it_and_others_do_not) {
  add_hook();
  put({seen("a", "d", 10, start), seen("b", "e", 10, start), seen("a", "d", 20, arrived), seen("b", "e", 20, arrived)});
  receiver.answer_to = [&](const std::string& id) {
    return id == "1-0-1.0" && receiver.seen_ids.size() < 5 ? 500 : 200;
  };
  steps(3);
  EXPECT_EQ(receiver.seen_ids, (Names{"1-0-1.0 500", "1-0-2.0", "1-0-4.0"}));
  EXPECT_EQ(notifier->standing("h")->next, "1-0-1.0");
  pass(std::chrono::seconds(20));
  EXPECT_EQ(receiver.seen_ids,
            (Names{"1-0-1.0 500", "1-0-2.0", "1-0-4.0", "1-0-1.0 500", "1-0-1.0 500", "1-0-1.0", "1-0-3.0"}));
  EXPECT_EQ(notifier->standing("h")->waiting, 0u);
}

TEST_F(NotifierTest, a_receiver_that_is_away_for_an_hour_is_asked_ever_less_often_and_gets_all_when_it_is_back) {
  add_hook();
  std::vector<wire::Record> records;
  for (int i = 0; i < 200; ++i)
    records.push_back(seen("o" + std::to_string(i % 50), "d", i, i / 50 % 2 ? arrived : start));
  put(records);
  receiver.answer_to = [](const std::string&) { return 0; };
  pass(std::chrono::hours(1));
  const size_t tries = receiver.seen_ids.size();
  EXPECT_LT(tries, 60u);
  EXPECT_FALSE(notifier->standing("h")->failed);
  EXPECT_EQ(notifier->standing("h")->why, "nobody there");
  receiver.answer_to = nullptr;
  pass(std::chrono::minutes(7));
  Names told(receiver.seen_ids.begin() + static_cast<ptrdiff_t>(tries), receiver.seen_ids.end());
  EXPECT_EQ(told.size(), 200u);
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), 200u);
  EXPECT_EQ(notifier->standing("h")->waiting, 0u);
}

TEST_F(NotifierTest, after_a_kill_what_was_not_answered_is_told_again) {
  add_hook();
  put({seen("a", "d", 10, start), seen("b", "d", 20, start)});
  steps(1);
  clock.advance(standing_every);
  steps(1);
  put({seen("a", "d", 30, arrived)});
  receiver.silent = true;  // it takes it, and the answer does not come back
  steps(1);
  EXPECT_EQ(receiver.waiting.size(), 1u);
  killed();
  receiver.silent = false;
  steps(2);
  EXPECT_EQ(receiver.seen_ids, (Names{"1-0-1.0", "1-0-2.0", "1-0-3.0"}));
}

TEST_F(NotifierTest, nothing_is_lost_whichever_write_of_its_files_fails) {
  for (uint64_t n = 1; n <= 40; ++n) {
    files = make_simulated_files(n);
    store = std::move(*store::open_memory_store());
    end = 0;
    receiver = Receiver();
    begin();
    add_hook();
    files->fail_at(n, Code::unavailable, Failing::once);
    std::set<std::string> told;
    for (int64_t i = 0; i < 6; ++i) {
      put({seen("o" + std::to_string(i), "d", i, start)});
      steps(1);
      clock.advance(standing_every);
      steps(1);
      if (i == 3) {
        notifier.reset();
        files->crash(n, Unsynced::dropped);
        killed();
      }
    }
    steps(2);
    for (const std::string& id : receiver.seen_ids) told.insert(id);
    EXPECT_EQ(told.size(), 6u) << "operation " << n;
    EXPECT_EQ(notifier->standing("h")->waiting, 0u);
    notifier.reset();
  }
}

TEST_F(NotifierTest, a_webhook_that_nothing_gets_through_to_for_a_day_is_failed_and_goes_on_when_it_is_replayed) {
  add_hook();
  put({seen("a", "d", 10, start)});
  receiver.answer_to = [](const std::string&) { return 503; };
  pass(std::chrono::hours(20));
  EXPECT_FALSE(notifier->standing("h")->failed);
  notifier.reset();
  begin();  // the time counts on
  pass(std::chrono::hours(5));
  EXPECT_TRUE(notifier->standing("h")->failed);
  EXPECT_NE(metrics->expose().find(R"(waybill_notify_failed{hook="h"} 1)"), std::string::npos);
  const size_t tries = receiver.seen_ids.size();
  put({seen("a", "d", 20, arrived)});
  pass(std::chrono::hours(1));
  EXPECT_EQ(receiver.seen_ids.size(), tries);
  receiver.answer_to = nullptr;
  ASSERT_TRUE(notifier->replay("h", ""));
  steps(3);
  EXPECT_EQ(receiver.seen_ids.back(), "1-0-2.0");
  EXPECT_EQ(receiver.seen_ids[tries], "1-0-1.0");
  EXPECT_FALSE(notifier->standing("h")->failed);
}

TEST_F(NotifierTest, a_webhook_that_nothing_gets_through_to_is_failed_in_time_however_much_is_new) {
  add_hook();
  put({seen("first", "d", 10, start)});
  receiver.answer_to = [](const std::string&) { return 503; };
  for (int minute = 0; minute < 25 * 60 && !notifier->standing("h")->failed; ++minute) {
    put({seen("o" + std::to_string(minute), "d", 100 + minute, start)});
    pass(std::chrono::minutes(1));
  }
  EXPECT_TRUE(notifier->standing("h")->failed);
  EXPECT_EQ(notifier->standing("h")->next, "1-0-1.0");
}

TEST_F(NotifierTest, what_is_tried_again_takes_its_turn_among_what_is_new) {
  add_hook();
  put({seen("first", "d", 10, start)});
  receiver.answer_to = [&](const std::string& id) { return id == "1-0-1.0" && receiver.seen_ids.empty() ? 500 : 200; };
  steps(1);
  clock.advance(std::chrono::seconds(2));
  std::vector<wire::Record> records;
  for (int i = 0; i < 50; ++i) records.push_back(seen("o" + std::to_string(i), "d", 20 + i, start));
  put(records);
  steps(1);
  EXPECT_EQ(receiver.seen_ids.at(1), "1-0-1.0");
}

TEST_F(NotifierTest, events_that_are_never_taken_do_not_keep_a_webhook_down_that_takes_others) {
  add_hook();
  std::vector<wire::Record> records;
  for (int i = 0; i < 5; ++i) records.push_back(seen("bad" + std::to_string(i), "d", i, start));
  put(records);
  const std::set<std::string> bad = {"1-0-1.0", "1-0-2.0", "1-0-3.0", "1-0-4.0", "1-0-5.0"};
  receiver.answer_to = [&](const std::string& id) { return bad.contains(id) ? 400 : 200; };
  pass(std::chrono::hours(1));
  put({seen("good", "d", 10, start), seen("good", "d", 20, arrived)});
  pass(std::chrono::minutes(15));
  EXPECT_EQ(std::ranges::count(receiver.seen_ids, "1-0-7.0"), 1);
}

TEST_F(NotifierTest, an_event_that_is_never_taken_is_given_up_after_a_day_where_others_are) {
  add_hook();
  put({seen("bad", "d", 10, start), seen("bad", "d", 20, arrived)});
  receiver.answer_to = [](const std::string& id) { return id == "1-0-1.0" ? 400 : 200; };
  for (int hour = 0; hour < 26; ++hour) {
    put({seen("good" + std::to_string(hour), "d", 100 + hour, start)});
    pass(std::chrono::hours(1));
  }
  EXPECT_FALSE(notifier->standing("h")->failed);
  EXPECT_EQ(std::ranges::count(receiver.seen_ids, "1-0-2.0"), 1);
  EXPECT_NE(deliveries("given_up").find(R"("id":"1-0-1.0")"), std::string::npos);
  EXPECT_NE(metrics->expose().find(R"(waybill_notify_given_up_total{hook="h"} 1)"), std::string::npos);
}

TEST_F(NotifierTest, a_receiver_that_is_gone_is_told_nothing_more) {
  add_hook();
  put({seen("a", "d", 10, start)});
  receiver.answer_to = [](const std::string&) { return 410; };
  steps(3);
  EXPECT_EQ(receiver.seen_ids.size(), 1u);
  EXPECT_EQ(notifier->standing("h")->why, "it answers 410");
  EXPECT_TRUE(notifier->standing("h")->failed);
}

TEST_F(NotifierTest, waits_as_long_as_the_receiver_asks_for) {
  add_hook();
  put({seen("a", "d", 10, start)});
  receiver.answer_to = [](const std::string&) { return 429; };
  receiver.retry_after = std::chrono::seconds(120);
  steps(1);
  put({seen("b", "d", 10, start)});
  pass(std::chrono::seconds(119));
  EXPECT_EQ(receiver.seen_ids.size(), 1u);
  pass(std::chrono::seconds(2));
  EXPECT_GT(receiver.seen_ids.size(), 1u);
}

TEST_F(NotifierTest, replays_from_an_event_a_position_or_a_time) {
  add_hook();
  put({seen("a", "d", 10, start), seen("b", "d", 20, start), seen("c", "d", 30, start)});
  steps(2);
  for (const auto& [from, first] : std::map<std::string, std::string>{
           {"1-0-2.0", "1-0-2.0"}, {"1-0-3", "1-0-3.0"}, {"2024-01-15T09:00:15Z", "1-0-2.0"}, {"1-0-0", "1-0-1.0"}}) {
    receiver.seen_ids.clear();
    ASSERT_TRUE(notifier->replay("h", from)) << from;
    steps(2);
    ASSERT_FALSE(receiver.seen_ids.empty()) << from;
    EXPECT_EQ(receiver.seen_ids.front(), first) << from;
    EXPECT_EQ(receiver.seen_ids.back(), "1-0-3.0");
  }
  for (const char* from : {"2-0-1", "yesterday", "1-0-2.x"})
    EXPECT_EQ(notifier->replay("h", from).error().code, Code::invalid);
  EXPECT_EQ(notifier->replay("other", "").error().code, Code::not_found);
}

TEST_F(NotifierTest, a_place_that_is_still_to_come_is_refused_and_nothing_is_missed) {
  add_hook();
  put({seen("a", "d", 10, start)});
  steps(2);
  EXPECT_EQ(notifier->replay("h", "1-0-3").error().code, Code::invalid);
  EXPECT_EQ(notifier->replay("h", "1-0-99999.0").error().code, Code::invalid);
  EXPECT_TRUE(notifier->replay("h", "1-0-2"));  // the next
  put({seen("b", "d", 20, start)});
  steps(2);
  EXPECT_EQ(receiver.seen_ids, (Names{"1-0-1.0", "1-0-2.0"}));
}

TEST_F(NotifierTest, nothing_is_dropped_while_it_is_not_known_who_waits_for_it) {
  add_hook();
  put({seen("a", "d", 10, start)});
  clock.advance(std::chrono::hours(100));
  seen_store.hooks_fail = true;
  steps(2);
  seen_store.hooks_fail = false;
  steps(2);
  EXPECT_EQ(receiver.seen_ids, (Names{"1-0-1.0"}));
}

TEST_F(NotifierTest, what_cannot_be_signed_has_failed_as_what_is_not_answered) {
  add_hook();
  put({seen("a", "d", 10, start), seen("b", "d", 10, start), seen("c", "d", 10, start), seen("d", "d", 10, start)});
  signer = std::make_unique<Signer>("/dev/null/keys");
  notifier.reset();
  begin();
  steps(1);
  ASSERT_TRUE(notifier->ping("h"));
  steps(1);
  EXPECT_TRUE(receiver.seen_ids.empty());
  const auto log = notifier->deliveries("h", {.outcome = "failed"});
  ASSERT_EQ(log->deliveries.size(), 4u) << "three events, then one at a time, and the ping";
  EXPECT_NE(log->deliveries[0].find(R"("type":"ping")"), std::string::npos);
  EXPECT_NE(log->deliveries[1].find("it cannot be signed: "), std::string::npos);
  pass(std::chrono::hours(25));
  EXPECT_TRUE(notifier->standing("h")->failed);
}

TEST_F(NotifierTest, a_replay_waits_for_what_is_on_its_way) {
  add_hook();
  put({seen("a", "d", 10, start), seen("a", "d", 20, arrived)});
  receiver.silent = true;
  steps(1);
  ASSERT_TRUE(notifier->replay("h", "1-0-0"));
  steps(1);
  EXPECT_EQ(receiver.waiting.size(), 1u);
  receiver.silent = false;
  steps(4);
  EXPECT_EQ(receiver.seen_ids, (Names{"1-0-1.0", "1-0-1.0", "1-0-2.0"}));
}

TEST_F(NotifierTest, the_delivery_log_is_read_from_the_newest_on_page_by_page_and_survives) {
  add_hook();
  put({seen("a", "d", 10, start)});
  receiver.answer_to = [](const std::string&) { return 0; };
  steps(1);
  receiver.answer_to = nullptr;
  pass(std::chrono::seconds(5));
  ASSERT_TRUE(notifier->ping("h"));
  steps(1);
  clock.advance(standing_every);
  steps(1);
  killed();
  const auto page = notifier->deliveries("h", {.outcome = {}, .limit = 2});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->deliveries.size(), 2u);
  EXPECT_NE(page->deliveries[0].find(R"("type":"ping")"), std::string::npos);
  const auto rest = notifier->deliveries("h", {.outcome = {}, .limit = 2, .before = page->next});
  ASSERT_EQ(rest->deliveries.size(), 1u);
  EXPECT_EQ(rest->next, 0u);
  EXPECT_TRUE(
      rest->deliveries[0].starts_with(R"({"n":1,"state":"failed","id":"1-0-1.0","type":"order.state","attempt":1)"));
  EXPECT_NE(rest->deliveries[0].find(R"("status":null,"ms":0,"error":"nobody there")"), std::string::npos);
  EXPECT_EQ(deliveries("failed"), rest->deliveries[0] + "\n");
}

TEST_F(NotifierTest, a_webhook_that_is_removed_is_told_nothing_and_leaves_nothing) {
  add_hook();
  put({seen("a", "d", 10, start)});
  steps(1);
  clock.advance(standing_every);
  steps(1);
  put({seen("b", "d", 20, start), Hook{.id = "h", .removed = true, .at = at(30), .by = "test"}});
  steps(2);
  EXPECT_EQ(receiver.seen_ids.size(), 1u);
  EXPECT_TRUE(files->list("/data/notify")->empty());
  EXPECT_EQ(notifier->standing("h").error().code, Code::not_found);
}

TEST_F(NotifierTest, a_standing_file_that_makes_no_sense_tells_again_what_is_kept) {
  add_hook();
  put({seen("a", "d", 10, start)});
  steps(1);
  for (const char* content : {"", "{", R"({"next":"9-0-1.0"})", R"({"next":"1-0-1.y"})", "[]"}) {
    ASSERT_TRUE(write_file_atomically(*files, "/data/notify/h.json", content));
    receiver.seen_ids.clear();
    killed();
    steps(1);
    EXPECT_EQ(receiver.seen_ids, Names{"1-0-1.0"}) << content;
  }
}

}  // namespace
}  // namespace waybill::notify
