#include "serve/api_fixture.h"
#include "wire/compression.h"

namespace waybill::serve {
namespace {

class Pages : public Api {
 protected:
  Pages() {
    ApiParts with_pages = parts();
    with_pages.pages = {{.path = "/t/{link}", .content_type = "text/html", .bytes = "<html>", .encoding = {}},
                        {.path = "/web/a.js", .content_type = "text/javascript", .bytes = packed_, .encoding = "gzip"}};
    routes_ = api_routes(with_pages);
  }
  static std::string header(const Reply& reply, std::string_view wanted) {
    for (const auto& [name, value] : reply.headers)
      if (name == wanted) return value;
    return {};
  }

  std::string packed_ = wire::compress("let a = 1;", wire::Compression::gzip);
};

TEST_F(Pages, a_page_lets_no_other_host_and_nothing_inline_in) {
  const Reply page = get("/t/{link}", {"secret"});
  EXPECT_EQ(page.body, "<html>");
  const std::string policy = header(page, "Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self';")) << policy;
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(header(page, "Referrer-Policy"), "no-referrer");
}

TEST_F(Pages, what_is_packed_goes_as_it_is_to_who_takes_it_and_unpacked_to_others) {
  const Reply packed = get("/web/a.js", {}, {}, {{"Accept-Encoding", "br, gzip"}});
  EXPECT_EQ(packed.body, packed_);
  EXPECT_EQ(header(packed, "Content-Encoding"), "gzip");
  const Reply plain = get("/web/a.js");
  EXPECT_EQ(plain.body, "let a = 1;");
  EXPECT_EQ(header(plain, "Content-Encoding"), "");
  EXPECT_EQ(header(plain, "Vary"), "Accept-Encoding");
  EXPECT_EQ(get("/web/a.js", {}, {}, {{"If-None-Match", header(plain, "ETag")}}).status, 304);
}

}  // namespace
}  // namespace waybill::serve
