// app/phone_links.h — what a courier's phone is given so that its app sends to us: a link or an address for each app.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace waybill::app {

struct PhoneLink {
  std::string_view app;   // "owntracks", as a flag names it
  std::string_view what;  // what to do with it
  std::string text;
};

// `url`: where phones find the server, without a slash at its end. `token`: the deliverer's; empty where the server is open.
std::vector<PhoneLink> phone_links(const std::string& url, const std::string& deliverer, const std::string& token);

}  // namespace waybill::app
