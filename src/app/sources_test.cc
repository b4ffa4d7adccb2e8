// The small pure parts of sources and of the import.
#include <gtest/gtest.h>
#include <stdlib.h>

#include "app/lake_import.h"
#include "app/source_definitions.h"
#include "app/source_pages.h"

namespace waybill::app {
namespace {

SourceDefinition every_member() {
  return {.table = {.source = "shop", .table = "orders"},
          .kind = SourceKind::http,
          .where = "https://shop.example/orders?a=\"b\"",
          .form = transform::SourceForm::ndjson,
          .types = {{.name = "order_id", .type = "VARCHAR"}},
          .every = std::chrono::hours(1),
          .secret_variable = "SHOP_TOKEN",
          .secret_file = "/etc/shop",
          .ca_file = "/etc/ca.pem",
          .header = "X-Api-Key",
          .items = "/data",
          .next = "/next",
          .cursor = "after",
          .page = "p",
          .relation = "public.orders",
          .growing = "id"};
}

TEST(SourceDefinition, is_read_as_it_was_written) {
  for (const SourceDefinition& definition :
       {every_member(), SourceDefinition{.table = {.source = "s", .table = "t"}, .where = "/a/*.csv"}}) {
    const auto read = read_definition(definition_text(definition), "here");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, definition);
  }
}

TEST(SourceDefinition, with_a_byte_changed_is_refused) {
  const std::string text = definition_text(every_member());
  for (size_t i = 0; i < text.size() - 1; ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(read_definition(changed, "here")) << changed;
  }
}

TEST(SourceDefinition, two_that_have_one_name_in_sql_do_not_stand_beside_each_other) {
  std::string path = testing::TempDir() + "waybill-definitions-XXXXXX";
  ASSERT_NE(::mkdtemp(path.data()), nullptr);
  const DataFolder folder{.path = path, .lock = nullptr};
  ASSERT_TRUE(add_definition(folder, {.table = {.source = "a_b", .table = "c"}, .where = "/x"}));
  ASSERT_TRUE(add_definition(folder, {.table = {.source = "a_b", .table = "d"}, .where = "/x"}));
  const auto other = add_definition(folder, {.table = {.source = "a", .table = "b_c"}, .where = "/x"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::conflict);
  EXPECT_EQ(definitions_named(folder, "a_b")->size(), 2u);
  EXPECT_EQ(definitions_named(folder, "a_b.c")->size(), 1u);
  EXPECT_EQ(definitions_named(folder, "a").error().code, Code::not_found);
  ASSERT_TRUE(remove_definition(folder, {.source = "a_b", .table = "c"}));
  EXPECT_EQ(definitions_of(folder)->size(), 1u);
  ASSERT_TRUE(remove_with_content(system_files(), path));
}

TEST(SourcePages, a_pointer_leads_to_members_and_nowhere_else) {
  const std::string page = R"({"a":{"b/c":[1,2],"d~e":"x"},"":{"":3}})";
  EXPECT_EQ(member_at(page, ""), page);
  EXPECT_EQ(member_at(page, "/a/b~1c"), "[1,2]");
  EXPECT_EQ(member_at(page, "/a/d~0e"), R"("x")");
  EXPECT_EQ(member_at(page, "//"), "3");
  for (const char* nowhere : {"/x", "/a/b", "/a/b~1c/0", "a", "/a/"}) EXPECT_FALSE(member_at(page, nowhere)) << nowhere;
}

TEST(SourcePages, a_link_header_names_the_next_page) {
  EXPECT_EQ(next_link(R"(<https://x.example/o?p=2,3>; rel="next", <https://x.example/o?p=9>; rel="last")"),
            "https://x.example/o?p=2,3");
  EXPECT_EQ(next_link("</first>; rel=first, </second>; title=\"b\"; rel=next"), "/second");
  for (const char* none : {"", "</o>; rel=\"last\"", "rel=next", "<", "<>;"}) EXPECT_EQ(next_link(none), "") << none;
}

TEST(SourcePages, a_url_leads_to_http_and_names_nobody) {
  for (const char* good : {"https://shop.example/o", "http://10.0.0.1:8080/?a=b"})
    EXPECT_TRUE(check_source_url(good)) << good;
  for (const char* bad : {"", "shop.example", "ftp://shop.example/", "file:///etc/passwd", "http://a:b@shop.example/",
                          "http://a@shop.example/"})
    EXPECT_FALSE(check_source_url(bad)) << bad;
}

TEST(ImportProgress, is_read_as_it_was_written) {
  const ImportProgress progress{
      .folder = "/old",
      .url = "http://127.0.0.1:5000",
      .before = "0123",
      .file = "a/\"b\".jsonl.gz",
      .head = {.bytes = 7, .hash = "89ab"},
      .lines = 12,
      .counts = {.files = 1, .damaged = 2, .lines = {.accepted = 3, .quarantined = 4, .refused = 5}, .repeats = 6},
      .last_position = "1-0-42"};
  const auto read = read_import_progress(import_progress_json(progress));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, progress);
  EXPECT_EQ(import_text(progress.counts),
            "1 files, 2 damaged · 12 lines: 3 accepted, 4 quarantined, 5 refused · 6 repeats");
  for (const char* bad : {"", "{}", R"({"waybill_import":2})", R"({"waybill_import":1})"})
    EXPECT_FALSE(read_import_progress(bad)) << bad;
}

}  // namespace
}  // namespace waybill::app
