#include "store/store_contract.h"

namespace waybill::store {
namespace {

Grant given(Grant::Kind kind, const std::string& id, const std::string& subject) {
  return {.kind = kind, .id = id, .role = Role::service, .subject = subject, .at = at(1), .by = "admin"};
}
Grant taken(Grant::Kind kind, const std::string& id) {
  return {.kind = kind, .id = id, .revoked = true, .at = at(2), .by = "admin"};
}

TEST_P(StoreContract, a_credential_is_found_by_its_kind_and_id_and_says_when_it_was_taken_back) {
  put({given(Grant::Kind::token, "a", "shop"), given(Grant::Kind::link, "a", "order 1"),
       given(Grant::Kind::token, "ab", "x")});
  put({taken(Grant::Kind::token, "a")});
  const auto token = checked(store->access(Grant::Kind::token, "a"));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->given.subject, "shop");
  EXPECT_EQ(token->revoked_at, at(2));
  EXPECT_FALSE(checked(store->access(Grant::Kind::link, "a"))->revoked_at);
  EXPECT_FALSE(checked(store->access(Grant::Kind::password, "a")));
  EXPECT_EQ(books().of(Outcome::stored).count, 4u);
}

TEST_P(StoreContract, credentials_are_listed_once_each_page_by_page) {
  for (int i = 0; i < 7; ++i) {
    const std::string id = "t" + std::to_string(i);
    put({given(Grant::Kind::token, id, id), taken(Grant::Kind::token, id), given(Grant::Kind::link, id, id)});
  }
  Names names;
  AccessQuery query{.kind = Grant::Kind::token, .limit = 2, .cursor = {}};
  do {
    const AccessPage page = checked(store->accesses(query));
    EXPECT_LE(page.accesses.size(), query.limit);
    for (const Access& access : page.accesses) names.push_back(access.given.id);
    query.cursor = page.next_cursor;
  } while (!query.cursor.empty());
  EXPECT_EQ(names, (Names{"t0", "t1", "t2", "t3", "t4", "t5", "t6"}));
  EXPECT_EQ(checked(store->accesses({})).accesses.size(), 14u);
  EXPECT_EQ(store->accesses({.kind = {}, .limit = 1, .cursor = "abcdef00"}).error().code, Code::invalid);
}

TEST_P(StoreContract, a_link_that_expired_goes_with_what_was_let_go_and_what_still_holds_stays) {
  if (!ground->holds_many()) GTEST_SKIP() << "too many rows for this database";
  Grant link = given(Grant::Kind::link, "expired", "order 1");
  link.expires_at = at(10);
  std::vector<wire::Record> records = {link, given(Grant::Kind::token, "for good", "shop"),
                                       taken(Grant::Kind::token, "lost")};
  while (records.size() < ledger_span) records.push_back(seen("o", "d", 20 + static_cast<int64_t>(records.size())));
  put(records);
  put({seen("o", "d", 1'000'000)});
  ASSERT_TRUE(store->flush());
  while (checked(store->purge(ledger_span))) {
  }
  EXPECT_FALSE(checked(store->access(Grant::Kind::link, "expired")));
  EXPECT_TRUE(checked(store->access(Grant::Kind::token, "for good")));
  EXPECT_TRUE(checked(store->access(Grant::Kind::token, "lost"))->revoked_at);
  books();
}

TEST_P(StoreContract, credentials_survive_a_crash_with_the_journal_read_again) {
  put({given(Grant::Kind::token, "a", "shop"), taken(Grant::Kind::token, "a")});
  crash();
  replay();
  EXPECT_TRUE(checked(store->access(Grant::Kind::token, "a"))->revoked_at);
}

}  // namespace
}  // namespace waybill::store
