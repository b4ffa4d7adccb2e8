#include "notify/addresses.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "notify/transport.h"

namespace waybill::notify {
namespace {

Address address(const std::string& text) {
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return address_of(std::span(bytes).first(4));
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), bytes.data()), 1) << text;
  return address_of(bytes);
}

TEST(Addresses, only_those_on_the_public_internet_are_allowed) {
  const AddressRule rule;
  for (const char* text :
       {"93.184.216.34", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "::ffff:1.1.1.1"})
    EXPECT_TRUE(rule.allows(address(text))) << text;
  for (const char* text : {"127.0.0.1",
                           "127.9.9.9",
                           "0.0.0.0",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "198.18.0.1",
                           "::1",
                           "::",
                           "fe80::1",
                           "fd00::1",
                           "fc00::1",
                           "ff02::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "64:ff9b::a00:1",
                           "2002:7f00:1::",
                           "fd00:ec2::254"})
    EXPECT_FALSE(rule.allows(address(text))) << text;
}

TEST(Addresses, what_the_operator_names_is_allowed_as_well) {
  const auto rule = AddressRule::parse("127.0.0.0/8, 10.0.0.7 ,fd00::/8");
  ASSERT_TRUE(rule);
  for (const char* text : {"127.0.0.1", "::ffff:127.0.0.1", "10.0.0.7", "fd00::1", "1.1.1.1"})
    EXPECT_TRUE(rule->allows(address(text))) << text;
  for (const char* text : {"10.0.0.8", "fc00::1", "::1"}) EXPECT_FALSE(rule->allows(address(text))) << text;
  for (const char* text : {"10.0.0.0/33", "host.example", "10.0.0", "::/129", "10.0.0.0/8x", "10.0.0.0/"})
    EXPECT_EQ(AddressRule::parse(text).error().code, Code::invalid) << text;
}

TEST(Addresses, a_url_leads_to_http_and_names_nobody) {
  const AddressRule rule;
  for (const char* url :
       {"https://shop.example/waybill?x=1", "http://shop.example:8080", "https://[2606:2800:220:1::1]/"})
    EXPECT_TRUE(check_hook_url(url, rule)) << url;
  for (const char* url :
       {"", "shop.example", "ftp://shop.example/", "file:///etc/passwd", "https://", "https://a:b@shop.example/",
        "http://127.0.0.1/", "http://[::1]:80/", "http://169.254.169.254/latest", "gopher://x/", "http://2130706433/",
        "http://0x7f.1/", "http://[::ffff:10.0.0.1]/"})
    EXPECT_FALSE(check_hook_url(url, rule)) << url;
  EXPECT_FALSE(check_hook_url("https://a.example/" + std::string(3000, 'x'), rule));
}

}  // namespace
}  // namespace waybill::notify
