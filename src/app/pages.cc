#include "app/pages.h"

#include <string>
#include <string_view>

#include "app/assets.h"

namespace waybill::app {
namespace {

constexpr std::string_view html = "text/html; charset=utf-8";
constexpr std::string_view css = "text/css; charset=utf-8";
constexpr std::string_view script = "text/javascript; charset=utf-8";

serve::Page plain(std::string path, std::string_view type, std::string_view bytes) {
  return {.path = std::move(path), .content_type = type, .bytes = bytes, .encoding = {}};
}

serve::Page packed(std::string path, std::string_view type, std::string_view bytes) {
  return {.path = std::move(path), .content_type = type, .bytes = bytes, .encoding = "gzip"};
}

}  // namespace

std::vector<serve::Page> pages() {
  return {plain("/", html, ops_html()),
          plain("/login", html, login_html()),
          packed("/web/login.css", css, login_css_gz()),
          packed("/web/login.js", script, login_js_gz()),
          plain("/t/{link}", html, track_html()),
          packed("/web/track.css", css, track_css_gz()),
          packed("/web/track.js", script, track_js_gz()),
          plain("/ops", html, ops_html()),
          packed("/web/ops.css", css, ops_css_gz()),
          packed("/web/ops.js", script, ops_js_gz()),
          packed("/web/ops_order.js", script, ops_order_js_gz()),
          packed("/web/ops_quarantine.js", script, ops_quarantine_js_gz()),
          packed("/web/ops_replay.js", script, ops_replay_js_gz()),
          plain("/ops/system", html, system_html()),
          packed("/web/system.css", css, system_css_gz()),
          packed("/web/system.js", script, system_js_gz()),
          packed("/web/screens.css", css, screens_css_gz()),
          packed("/web/words.js", script, words_js_gz()),
          packed("/web/map.js", script, map_js_gz()),
          packed("/web/maplibre.js", script, maplibre_js_gz()),
          packed("/web/maplibre-worker.js", script, maplibre_worker_js_gz()),
          packed("/web/pmtiles.js", script, pmtiles_js_gz()),
          plain("/openapi.json", "application/json", openapi_json()),
          plain("/docs", html, docs_html()),
          packed("/web/docs.css", css, docs_css_gz()),
          packed("/web/docs.js", script, docs_js_gz())};
}

}  // namespace waybill::app
