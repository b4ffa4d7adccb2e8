// app/assets.h — files of assets/ and web/ that are part of the binary, so that it works from anywhere.
//
// Threads: from any thread; the bytes live as long as the process.
#pragma once

#include <string_view>

namespace waybill::app {

// assets/streets/porto.geojson.gz: © OpenStreetMap contributors, ODbL 1.0. Whoever shows it shows this text.
std::string_view porto_streets_gz();
inline constexpr std::string_view porto_streets_attribution = "© OpenStreetMap contributors, ODbL 1.0";

// The same as vector tiles, PMTiles: made of it by tools/street_tiles.py.
std::string_view porto_tiles();

// The API's description, OpenAPI 3.1, and the page that shows it.
std::string_view openapi_json();
std::string_view docs_html();
std::string_view docs_css_gz();
std::string_view docs_js_gz();

// The screens. What ends in _gz is packed; so are MapLibre, its worker and PMTiles, which cmake/dependencies.cmake names.
std::string_view login_html();
std::string_view login_css_gz();
std::string_view login_js_gz();
std::string_view words_js_gz();
std::string_view map_js_gz();
std::string_view screens_css_gz();
std::string_view track_html();
std::string_view track_css_gz();
std::string_view track_js_gz();
std::string_view ops_html();
std::string_view ops_css_gz();
std::string_view ops_js_gz();
std::string_view ops_order_js_gz();
std::string_view ops_quarantine_js_gz();
std::string_view ops_replay_js_gz();
std::string_view system_html();
std::string_view system_css_gz();
std::string_view system_js_gz();
std::string_view maplibre_js_gz();
std::string_view maplibre_worker_js_gz();
std::string_view pmtiles_js_gz();

}  // namespace waybill::app
