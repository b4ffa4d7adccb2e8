#include "serve/gate.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "base/simulated_files.h"
#include "serve/credentials.h"
#include "store/document_tables.h"
#include "store/memory.h"
#include "store/simulated_documents.h"
#include "store/table_store.h"

namespace waybill::serve {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Principal admin{.role = Role::admin, .subject = "test", .credential = {}};

class GateTest : public testing::Test {
 protected:
  GateTest() {
    std::string pattern = testing::TempDir() + "waybill-gate-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    EXPECT_TRUE(make_token_key(folder_, clock_.now()));
    tokens_ = std::move(*open_tokens(folder_));
    store_ = std::move(*store::open_memory_store());
    EXPECT_TRUE(files_->make_folder("audit"));
    audit_ = std::move(*open_audit("audit", *files_, clock_, *metrics_));
    reopen({});
  }

  void reopen(GateOptions options) {
    gate_ = make_gate(tokens_.get(), *store_, *audit_, clock_, *metrics_, std::move(options));
  }
  void keep(const Grant& grant) {
    const store::Entry entry{.offset = offset_++, .record = wire::Record(grant), .undecoded = {}};
    ASSERT_TRUE(store_->put({.epoch = 1, .partition = 0, .offset = 0}, std::span(&entry, 1)));
  }
  Issued issued(Role role, const std::string& subject = "7", std::optional<Time> expires_at = {}) {
    Issued token = *issue_token(*tokens_, {.role = role, .subject = subject, .expires_at = expires_at, .note = {}},
                                admin, clock_.now());
    keep(token.grant);
    return token;
  }

  // The status it is refused with; 0: let in.
  int knock(Act act, std::vector<Header> headers, std::string_view query = {}, Method method = Method::get) {
    const Route route{.method = method, .act = act, .pattern = "/x", .handler = {}};
    request_ = Request{.method = method,
                       .path = "/x",
                       .query = query,
                       .headers = {},
                       .body = {},
                       .params = {},
                       .address = address_,
                       .who = {}};
    headers_ = std::move(headers);
    request_.headers = headers_;
    const auto refused = gate_->admit(route, request_);
    reply_ = refused.value_or(Reply{});
    return refused ? refused->status : 0;
  }
  int bearing(const std::string& token, Act act) {
    authorization_ = "Bearer " + token;
    return knock(act, {{"Authorization", authorization_}});
  }
  std::string said() {
    audit_->flush();
    return *read_file(*files_, "audit/audit.ndjson");
  }

  ManualClock clock_{at_us(1'800'000'000'000'000)};
  std::unique_ptr<Metrics> metrics_ = make_metrics();
  std::unique_ptr<SimulatedFiles> files_ = make_simulated_files();
  std::string folder_;
  std::string address_ = "10.0.0.1";
  std::unique_ptr<Tokens> tokens_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Audit> audit_;
  std::unique_ptr<Door> gate_;
  std::string authorization_;
  std::vector<Header> headers_;
  Request request_;
  Reply reply_;
  uint64_t offset_ = 0;
};

TEST(Credentials, no_secret_looks_like_a_flag_of_a_command) {
  for (int i = 0; i < 2000; ++i) ASSERT_NE(random_secret()[0], '-');
}

TEST_F(GateTest, without_keys_everybody_is_let_in_as_nobody) {
  gate_ = make_gate(nullptr, *store_, *audit_, clock_, *metrics_, {});
  EXPECT_EQ(knock(Act::administer, {}), 0);
  EXPECT_FALSE(request_.who);
}

TEST_F(GateTest, without_keys_a_page_of_elsewhere_neither_writes_nor_reads_under_its_own_name) {
  gate_ = make_gate(nullptr, *store_, *audit_, clock_, *metrics_, {});
  const Header here{"Host", "127.0.0.1:5000"};
  EXPECT_EQ(knock(Act::write, {here}, {}, Method::post), 0);
  EXPECT_EQ(knock(Act::write, {here, {"Origin", "http://127.0.0.1:5000"}}, {}, Method::post), 0);
  EXPECT_EQ(knock(Act::write, {here, {"Origin", "https://evil.example"}}, {}, Method::post), 403);
  EXPECT_EQ(knock(Act::write, {here, {"Origin", "null"}}, {}, Method::post), 403);
  EXPECT_EQ(knock(Act::write, {here, {"Sec-Fetch-Site", "cross-site"}}, {}, Method::post), 403);
  EXPECT_EQ(knock(Act::write, {here, {"Sec-Fetch-Site", "cross-site"}}), 403) << "phones write by GET";
  EXPECT_EQ(knock(Act::write, {here}), 0);
  EXPECT_EQ(knock(Act::read, {here, {"Sec-Fetch-Site", "cross-site"}}), 0);
  EXPECT_EQ(knock(Act::read, {{"Host", "evil.example:5000"}}), 403);
  for (const char* host : {"localhost:5000", "localhost", "[::1]:5000", "127.0.0.2"})
    EXPECT_EQ(knock(Act::read, {{"Host", host}}), 0) << host;
  EXPECT_EQ(knock(Act::read, {{"Host", "127.0.0.1.evil.example"}}), 403);
}

TEST_F(GateTest, without_keys_a_link_shows_what_its_customer_sees) {
  gate_ = make_gate(nullptr, *store_, *audit_, clock_, *metrics_, {});
  const Issued link = *make_link(OrderId("1001"), clock_.now() + std::chrono::hours(1), {}, clock_.now());
  const std::string query = "link=" + link.secret;
  EXPECT_EQ(knock(Act::read_order, {}, query), 401) << "not made yet";
  keep(link.grant);
  EXPECT_EQ(knock(Act::read_order, {}, query), 0);
  ASSERT_TRUE(request_.who);
  EXPECT_EQ(request_.who->role, Role::customer);
  EXPECT_EQ(request_.who->subject, "1001");
  EXPECT_EQ(knock(Act::read, {}, query), 403);
  EXPECT_EQ(knock(Act::read_order, {}, "link=nonsense"), 401);
  EXPECT_EQ(knock(Act::read_order, {}, query), 0);
  const auto may_stay = gate_->pass(request_);
  EXPECT_TRUE(may_stay());
  keep(take_back(Grant::Kind::link, link.grant.id, {}, clock_.now()));
  clock_.advance(known_ms_max);
  EXPECT_FALSE(may_stay());
  EXPECT_EQ(knock(Act::read_order, {}, query), 401);
}

TEST_F(GateTest, a_token_lets_its_role_do_what_it_may_and_no_more) {
  const std::string token = issued(Role::deliverer).secret;
  EXPECT_EQ(bearing(token, Act::write), 0);
  EXPECT_EQ(request_.who->subject, "7");
  EXPECT_EQ(bearing(token, Act::read), 403);
  EXPECT_EQ(bearing(token, Act::administer), 403);
  EXPECT_NE(said().find(R"("who":"deliverer 7")"), std::string::npos);
}

TEST_F(GateTest, without_a_credential_only_the_open_doors_open) {
  EXPECT_EQ(knock(Act::greet, {}), 0);
  EXPECT_EQ(knock(Act::write, {}), 401);
  ASSERT_EQ(reply_.headers.back().first, "WWW-Authenticate");
  EXPECT_EQ(bearing("nonsense", Act::read), 401);
  EXPECT_EQ(bearing("nonsense", Act::greet), 0) << "an old cookie must not keep anybody from logging in";
}

TEST_F(GateTest, phones_may_send_the_token_as_password_or_in_the_query) {
  const std::string token = issued(Role::deliverer).secret;
  EXPECT_EQ(knock(Act::write, {}, "a=b&token=" + token), 0);
  EXPECT_EQ(knock(Act::write, {{"authorization", "Basic bm9ib2R5OnBhc3N3b3Jk"}}), 401);
  EXPECT_EQ(knock(Act::write, {{"authorization", "Basic ???"}}), 401);
}

TEST_F(GateTest, a_page_of_elsewhere_opens_no_websocket_with_a_cookie_or_without_keys) {
  const std::string cookie = std::string(session_cookie) + '=' + issued(Role::op, "eve").secret;
  const Header host{"Host", "127.0.0.1:5000"};
  const Header up{"Upgrade", "websocket"};
  const Header connection{"Connection", "Upgrade"};
  const Header own{"Origin", "http://127.0.0.1:5000"};
  const Header evil{"Origin", "https://evil.example"};
  const Header shop{"Origin", "https://shop.example"};
  const auto with_cookie = [&](std::vector<Header> more) {
    more.insert(more.end(), {{"Cookie", cookie}, host, up, connection});
    return knock(Act::read, more);
  };
  EXPECT_EQ(with_cookie({own}), 0);
  EXPECT_EQ(with_cookie({evil}), 403);
  EXPECT_EQ(with_cookie({{"Origin", "null"}}), 403);
  EXPECT_EQ(with_cookie({}), 403) << "a browser says where it comes from";
  EXPECT_EQ(knock(Act::read, {{"Cookie", cookie}, host, evil}), 0) << "a page cannot read what it asks for";
  reopen({.cors_origins = {"*"}});
  EXPECT_EQ(with_cookie({evil}), 403);
  reopen({.cors_origins = {"https://shop.example"}});
  EXPECT_EQ(with_cookie({shop}), 0);
  EXPECT_EQ(with_cookie({evil}), 403);
  const std::string link = "Bearer " + issued(Role::op, "ann").secret;
  EXPECT_EQ(knock(Act::read, {{"Authorization", link}, host, up, connection, evil}), 0) << "it knows a secret";

  gate_ = make_gate(nullptr, *store_, *audit_, clock_, *metrics_, {});
  EXPECT_EQ(knock(Act::read, {host, up, connection, own}), 0);
  EXPECT_EQ(knock(Act::read, {host, up, connection}), 0);
  EXPECT_EQ(knock(Act::read, {host, up, connection, evil}), 403);
  EXPECT_EQ(knock(Act::read, {host, evil}), 0);
}

TEST_F(GateTest, a_pass_holds_for_as_long_as_its_credential) {
  const Issued token = issued(Role::op, "eve");
  ASSERT_EQ(bearing(token.secret, Act::read), 0);
  const auto pass = gate_->pass(request_);
  request_ = {};  // it outlives the request
  EXPECT_TRUE(pass());
  keep(take_back(Grant::Kind::token, token.grant.id, admin, clock_.now()));
  clock_.advance(seconds(1));
  EXPECT_FALSE(pass());

  ASSERT_EQ(bearing(issued(Role::op, "ann", clock_.now() + hours(1)).secret, Act::read), 0);
  const auto expiring = gate_->pass(request_);
  clock_.advance(hours(1) - seconds(1));
  EXPECT_TRUE(expiring());
  clock_.advance(token_clock_skew_max + seconds(1));
  EXPECT_FALSE(expiring());
}

TEST_F(GateTest, a_pass_holds_always_where_nobody_is_asked_for_a_credential) {
  gate_ = make_gate(nullptr, *store_, *audit_, clock_, *metrics_, {});
  ASSERT_EQ(knock(Act::read, {}), 0);
  EXPECT_TRUE(gate_->pass(request_)());
}

TEST_F(GateTest, a_token_that_was_taken_back_is_refused_within_a_second) {
  const Issued token = issued(Role::op, "eve");
  EXPECT_EQ(bearing(token.secret, Act::read), 0);
  keep(take_back(Grant::Kind::token, token.grant.id, admin, clock_.now()));
  clock_.advance(known_ms_max);
  EXPECT_EQ(bearing(token.secret, Act::read), 401);
  EXPECT_EQ(bearing(token.secret, Act::read), 401);
}

TEST_F(GateTest, while_the_store_cannot_tell_who_was_let_in_stays_in_and_nobody_else_gets_in) {
  store::SimulatedDocuments documents;
  auto tables =
      store::open_document_tables(std::make_unique<store::SimulatedDocuments>(documents), {.owner = 1}, clock_);
  const auto away = *store::open_table_store(std::move(*tables), nullptr);
  gate_ = make_gate(tokens_.get(), *away, *audit_, clock_, *metrics_, {});
  const Issued known = issued(Role::op, "ann"), other = issued(Role::op, "eve");
  EXPECT_EQ(bearing(known.secret, Act::read), 0);
  documents.go_away(true);
  clock_.advance(known_ms_max);
  EXPECT_EQ(bearing(known.secret, Act::read), 0);
  EXPECT_EQ(bearing(other.secret, Act::read), 503);
  documents.go_away(false);
  EXPECT_EQ(bearing(other.secret, Act::read), 0);
  gate_.reset();
}

TEST_F(GateTest, a_remembered_token_still_expires) {
  const Issued token = issued(Role::op, "eve", clock_.now() + hours(1));
  EXPECT_EQ(bearing(token.secret, Act::read), 0);
  clock_.jump(hours(1) + token_clock_skew_max);
  EXPECT_EQ(bearing(token.secret, Act::read), 401);
}

TEST_F(GateTest, a_link_is_its_orders_customer_until_it_ends_or_is_taken_back) {
  const Issued link = *make_link(OrderId("1001"), clock_.now() + hours(2), admin, clock_.now());
  EXPECT_EQ(bearing(link.secret, Act::read_order), 401) << "not kept yet";
  keep(link.grant);
  EXPECT_EQ(bearing(link.secret, Act::read_order), 0);
  EXPECT_EQ(request_.who->role, Role::customer);
  EXPECT_EQ(request_.who->subject, "1001");
  EXPECT_EQ(knock(Act::read_order, {}, "link=" + link.secret), 0);
  EXPECT_EQ(bearing(link.secret, Act::read), 403);
  EXPECT_EQ(link.grant.id.find(link.secret), std::string::npos) << "what is kept does not open anything";
  clock_.advance(hours(2));
  EXPECT_EQ(bearing(link.secret, Act::read_order), 401);
}

TEST_F(GateTest, a_session_ends_with_the_token_or_password_that_opened_it) {
  const Issued token = issued(Role::op, "eve");
  const std::string session = *open_session(*tokens_, {.role = Role::op, .subject = "eve", .credential = {}},
                                            {.kind = Grant::Kind::token, .id = token.grant.id}, clock_.now());
  EXPECT_EQ(bearing(session, Act::read), 0);
  keep(take_back(Grant::Kind::token, token.grant.id, admin, clock_.now()));
  clock_.advance(known_ms_max);
  EXPECT_EQ(bearing(session, Act::read), 401);

  const Grant password = *set_password("ann", Role::op, "a long password", admin, clock_.now());
  keep(password);
  const std::string ann =
      *open_session(*tokens_, {.role = Role::op, .subject = "ann", .credential = {}},
                    {.kind = Grant::Kind::password, .id = "ann", .given_at = password.at}, clock_.now());
  EXPECT_EQ(bearing(ann, Act::read), 0);
  clock_.advance(seconds(2));
  keep(*set_password("ann", Role::op, "another password", admin, clock_.now()));
  EXPECT_EQ(bearing(ann, Act::read), 401);
}

TEST_F(GateTest, a_cookie_writes_only_from_pages_of_this_server) {
  const Issued token = issued(Role::admin, "ann");
  const std::string cookie = "a=b; waybill_session=" + token.secret;
  EXPECT_EQ(knock(Act::read, {{"Cookie", cookie}}), 0);
  EXPECT_EQ(knock(Act::command, {{"Cookie", cookie}}, {}, Method::post), 403);
  EXPECT_EQ(knock(Act::command, {{"Cookie", cookie}, {"Sec-Fetch-Site", "same-origin"}}, {}, Method::post), 0);
  EXPECT_EQ(knock(Act::command, {{"Cookie", cookie}, {"Sec-Fetch-Site", "cross-site"}}, {}, Method::post), 403);
  EXPECT_EQ(knock(Act::write, {{"Cookie", cookie}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(knock(Act::command, {{"Cookie", cookie}, {"Host", "w.example"}, {"Origin", "https://w.example"}}, {},
                  Method::post),
            0);
  EXPECT_EQ(knock(Act::command, {{"Cookie", cookie}, {"Host", "w.example"}, {"Origin", "https://evil.example"}}, {},
                  Method::post),
            403);
}

TEST_F(GateTest, whoever_guesses_is_slowed_down_and_others_are_not) {
  int refused = 0;
  while (bearing("guess", Act::read) == 401) ++refused;
  EXPECT_EQ(refused, static_cast<int>(bad_burst));
  EXPECT_EQ(reply_.status, 429);
  EXPECT_EQ(reply_.headers.front().second, "1");
  address_ = "10.0.0.2";
  EXPECT_EQ(bearing(issued(Role::op, "eve").secret, Act::read), 0);
}

TEST_F(GateTest, a_token_and_an_address_have_their_rates) {
  reopen({.address_per_second = 20, .token_per_second = 1, .burst_seconds = 2});
  const std::string token = issued(Role::deliverer).secret;
  EXPECT_EQ(bearing(token, Act::write), 0);
  EXPECT_EQ(bearing(token, Act::write), 0);
  EXPECT_EQ(bearing(token, Act::write), 429);
  const std::string service = issued(Role::service, "shop").secret;
  int let_in = 0;
  while (bearing(service, Act::write) == 0) ++let_in;
  EXPECT_EQ(let_in, 37) << "40 at once, three are used";
}

TEST_F(GateTest, an_address_behind_a_trusted_proxy_is_the_one_it_wrote_down_last) {
  reopen({.trusted_proxies = {"10.0.0.1"}});
  knock(Act::greet, {{"X-Forwarded-For", "1.1.1.1, 2.2.2.2"}});
  EXPECT_EQ(request_.address, "2.2.2.2");
  address_ = "10.0.0.9";
  knock(Act::greet, {{"X-Forwarded-For", "1.1.1.1"}});
  EXPECT_EQ(request_.address, "10.0.0.9") << "who is not trusted cannot say it";
}

TEST_F(GateTest, only_origins_that_are_named_may_ask_from_their_pages) {
  reopen({.cors_origins = {"https://shop.example"}});
  knock(Act::greet, {{"Origin", "https://shop.example"}, {"Access-Control-Request-Method", "POST"}});
  Reply reply = gate_->preflight(request_, "POST");
  gate_->dress(request_, reply);
  const auto has = [](const Reply& answer, std::string_view name) {
    return std::ranges::any_of(answer.headers, [&](const auto& header) { return header.first == name; });
  };
  EXPECT_TRUE(has(reply, "Access-Control-Allow-Methods"));
  EXPECT_TRUE(has(reply, "Access-Control-Allow-Origin"));
  EXPECT_FALSE(has(reply, "Access-Control-Allow-Credentials")) << "cookies never come from other origins";
  knock(Act::greet, {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "POST"}});
  reply = gate_->preflight(request_, "POST");
  gate_->dress(request_, reply);
  EXPECT_FALSE(has(reply, "Access-Control-Allow-Origin"));
}

TEST_F(GateTest, denials_that_are_alike_are_one_line_with_a_count) {
  for (int i = 0; i < 20; ++i) knock(Act::write, {});
  const std::string lines = said();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 1);
  EXPECT_NE(lines.find(R"("count":20)"), std::string::npos) << lines;
}

}  // namespace
}  // namespace waybill::serve
