// The store in MongoDB: what every store must do, on a real server where WAYBILL_TEST_MONGO names one (tools/services.py).
#include "store/mongo_store.h"

#include "store/document_grounds.h"

namespace waybill::store {
namespace {

std::unique_ptr<Ground> make_live_ground() { return std::make_unique<LiveMongoGround>(); }
std::vector<MakeGround> live() {
  if (!there_is_a_mongo()) return {};
  return {&make_live_ground};
}

TEST(MongoStore, that_cannot_be_reached_or_named_says_so) {
  const MongoOptions nowhere{.url = "mongodb://127.0.0.1:1/waybill?serverSelectionTimeoutMS=200"};
  const auto unreached = open_mongo_store({.server = nowhere, .tables = {.owner = 1}}, system_clock());
  ASSERT_FALSE(unreached);
  EXPECT_EQ(unreached.error().code, Code::unavailable) << unreached.error().message;
  EXPECT_EQ(open_mongo_documents({.url = "mongodb://"}).error().code, Code::invalid);
  EXPECT_EQ(open_mongo_documents({.url = "http://127.0.0.1"}).error().code, Code::invalid);
}

// The parameter is there for the number of tests alone: none without a server.
class LiveMongo : public testing::TestWithParam<int> {
 protected:
  std::unique_ptr<Documents> open() const { return checked(open_mongo_documents(live_mongo(ground_.database()))); }
  LiveMongoGround ground_;
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveMongo);

Document document(const std::string& id, uint64_t number, std::optional<std::string> value) {
  return {.id = id, .number = number, .value = std::move(value)};
}

TEST_P(LiveMongo, documents_are_inserted_once_and_replaced_by_what_is_newer_only) {
  const auto documents = open();
  const std::vector<Collection> collections{{.name = "rows", .by_position = true}};
  ASSERT_TRUE(documents->make(collections));
  ASSERT_TRUE(documents->make(collections));
  using Places = std::vector<size_t>;
  const std::vector<Document> two{document("a", 5, "1"),
                                  document(std::string("b\0\xff", 3), 5, std::string("\0\x80", 2))};
  EXPECT_EQ(checked(documents->insert("rows", two)), Places{});
  const std::vector<Document> again{document("a", 9, "9"), document("c", 5, "3")};
  EXPECT_EQ(checked(documents->insert("rows", again)), Places{0});
  const std::vector<Document> same{document("c", 5, "no")};
  EXPECT_EQ(checked(documents->replace("rows", same, Stays::same_or_higher)), Places{0});
  const std::vector<Document> higher{document("c", 6, "yes")};
  EXPECT_EQ(checked(documents->replace("rows", higher, Stays::same_or_higher)), Places{});
  const std::vector<Document> newer{document("a", 6, "6"), document("c", 5, "no"), document("d", 1, "4")};
  EXPECT_EQ(checked(documents->replace("rows", newer, Stays::higher)), Places{1});
  EXPECT_EQ(checked(documents->find("rows", "c"))->value, "yes");
  const std::vector<Document> older{document("a", 5, "old"), document("d", 2, std::nullopt)};
  EXPECT_EQ(checked(documents->replace("rows", older, Stays::higher)), Places{0});
  EXPECT_EQ(checked(documents->find("rows", "a"))->value, "6");
  EXPECT_EQ(checked(documents->find("rows", std::string_view("b\0\xff", 3)))->value, std::string("\0\x80", 2));
  EXPECT_FALSE(checked(documents->find("rows", "d"))->value);
  EXPECT_FALSE(checked(documents->find("rows", "x")));
  std::string ids;
  for (const Document& found : checked(documents->read("rows", {.from = {}, .limit = 10}))) ids += found.id[0];
  EXPECT_EQ(ids, "abcd");
  ids.clear();
  for (const Document& found : checked(
           documents->read("rows", {.from = "c", .from_included = false, .end = "a", .backwards = true, .limit = 10})))
    ids += found.id[0];
  EXPECT_EQ(ids, "ba");
  EXPECT_EQ(checked(documents->read("rows", {.from = "a", .from_included = false, .end = "c", .limit = 10})).size(),
            1u);
  EXPECT_EQ(checked(documents->remove_below("rows", By::removed, 2, 10)), 0u);
  EXPECT_EQ(checked(documents->remove_below("rows", By::removed, 3, 10)), 1u);
  EXPECT_EQ(checked(documents->remove_below("rows", By::number, 7, 1)), 1u);
  EXPECT_EQ(checked(documents->remove_below("rows", By::number, 7, 10)), 2u);
  EXPECT_TRUE(checked(documents->read("rows", {.from = {}, .limit = 10})).empty());
}

TEST_P(LiveMongo, many_documents_go_at_once_and_are_read_page_by_page) {
  const auto documents = open();
  std::vector<Document> many;
  for (size_t i = 0; i < documents_max; ++i) {
    std::string number = std::to_string(10'000 + i);
    many.push_back({.id = number, .number = 1, .value = std::string(2000, 'x'), .position = i});
  }
  EXPECT_TRUE(checked(documents->insert("rows", many)).empty());
  for (Document& one : many) one.number = 2;
  EXPECT_TRUE(checked(documents->replace("rows", many, Stays::higher)).empty());
  EXPECT_EQ(checked(documents->read("rows", {.from = {}, .limit = 1024})).size(), documents_max);
  EXPECT_EQ(checked(documents->remove_below("rows", By::position, 100, 1000)), 100u);
  EXPECT_EQ(checked(documents->read("rows", {.from = {}, .limit = 1024})).size(), documents_max - 100);
}

TEST_P(LiveMongo, does_not_let_in_who_has_the_wrong_password) {
  MongoOptions options = live_mongo(ground_.database());
  if (options.user.empty()) GTEST_SKIP() << "this server asks nobody";
  options.password = "wrong";
  const auto refused = open_mongo_store({.server = options, .tables = {.owner = 1}}, system_clock());
  EXPECT_EQ(refused.error().code, Code::denied) << refused.error().message;
}

INSTANTIATE_TEST_SUITE_P(Server, LiveMongo, testing::Range(0, there_is_a_mongo() ? 1 : 0));

}  // namespace

INSTANTIATE_TEST_SUITE_P(LiveMongo, StoreContract, testing::ValuesIn(live()));

}  // namespace waybill::store
