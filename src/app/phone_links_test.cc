#include "app/phone_links.h"

#include <gtest/gtest.h>

#include "app/qr_text.h"
#include "base/base64.h"

namespace waybill::app {
namespace {

std::string link_of(std::string_view app, const std::string& token) {
  for (const PhoneLink& link : phone_links("https://waybill.example", "7 b", token))
    if (link.app == app) return link.text;
  return {};
}

TEST(PhoneLinks, base64_is_that_of_the_rfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(PhoneLinks, each_app_is_given_the_server_and_the_token) {
  EXPECT_EQ(link_of("overland", "a.b"),
            "overland://setup?url=https%3A%2F%2Fwaybill.example%2Foverland&device_id=7%20b&token=a.b");
  EXPECT_EQ(link_of("traccar", "a.b"),
            "org.traccar.client://config?url=https%3A%2F%2Fwaybill.example%2F%3Ftoken%3Da.b&id=7%20b");
  EXPECT_TRUE(link_of("gpslogger", "a.b").starts_with("https://waybill.example/osmand?token=a.b&lat=%LAT&lon=%LON&"));
  EXPECT_TRUE(link_of("osmand", "a.b").ends_with("&speed_unit=mps"));
  const std::string config =
      R"({"_type":"configuration","mode":3,"url":"https://waybill.example/pub","username":"7 b","deviceId":"phone",)"
      R"("auth":true,"usePassword":true,"password":"a.b"})";
  const std::string inline_config =
      link_of("owntracks", "a.b").substr(std::string("owntracks:///config?inline=").size());
  EXPECT_EQ(inline_config.substr(0, 40), base64(config).substr(0, 40));
}

TEST(PhoneLinks, an_open_server_knows_the_phone_by_its_id) {
  EXPECT_TRUE(link_of("osmand", "").starts_with("https://waybill.example/osmand?id=7%20b&lat={0}"));
  EXPECT_EQ(link_of("overland", ""), "overland://setup?url=https%3A%2F%2Fwaybill.example%2Foverland&device_id=7%20b");
}

TEST(QrText, a_code_is_square_with_a_light_margin) {
  const auto code = qr_text("https://waybill.example");
  ASSERT_TRUE(code);
  size_t lines = 0;
  for (size_t at = code->find('\n'); at != std::string::npos; at = code->find('\n', at + 1)) ++lines;
  EXPECT_EQ(lines, 17u);  // 25 modules and twice 4, two a line
  EXPECT_TRUE(code->starts_with("\x1b[30;107m         "));
  EXPECT_FALSE(qr_text(std::string(4000, 'x')));
}

}  // namespace
}  // namespace waybill::app
