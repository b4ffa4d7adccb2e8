// app/assets.h — files of assets/ and web/ that are part of the binary, so that it works from anywhere.
//
// Threads: from any thread; the bytes live as long as the process.
#pragma once

#include <string_view>

namespace waybill::app {

// assets/streets/porto.geojson.gz: © OpenStreetMap contributors, ODbL 1.0. Whoever shows it shows this text.
std::string_view porto_streets_gz();
inline constexpr std::string_view porto_streets_attribution = "© OpenStreetMap contributors, ODbL 1.0";

// The API's description, OpenAPI 3.1, and the page that shows it.
std::string_view openapi_json();
std::string_view docs_html();
std::string_view docs_css();
std::string_view docs_js();

// The built-in page.
std::string_view page_html();
std::string_view page_css();
std::string_view page_js();
std::string_view login_html();
std::string_view login_js();

}  // namespace waybill::app
