#include "app/assets.h"

// The assembler takes the files in; CMake gives it the project's folder, and the one with what it has packed.
#define EMBED(name, path)                         \
  asm(".pushsection .rodata\n"                    \
      ".balign 16\n"                              \
      ".global waybill_" #name                    \
      "_begin\n"                                  \
      "waybill_" #name                            \
      "_begin:\n"                                 \
      ".incbin \"" path                           \
      "\"\n"                                      \
      ".global waybill_" #name                    \
      "_end\n"                                    \
      "waybill_" #name                            \
      "_end:\n"                                   \
      ".byte 0\n"                                 \
      ".popsection\n");                           \
  extern "C" const char waybill_##name##_begin[]; \
  extern "C" const char waybill_##name##_end[];   \
  std::string_view waybill::app::name() { return {waybill_##name##_begin, waybill_##name##_end}; }

EMBED(porto_streets_gz, "assets/streets/porto.geojson.gz")
EMBED(login_html, "web/login.html")
EMBED(login_css_gz, "packed/login.css.gz")
EMBED(login_js_gz, "packed/login.js.gz")
EMBED(openapi_json, "web/openapi.json")
EMBED(docs_html, "web/docs.html")
EMBED(docs_css_gz, "packed/docs.css.gz")
EMBED(docs_js_gz, "packed/docs.js.gz")
EMBED(words_js_gz, "packed/words.js.gz")
EMBED(map_js_gz, "packed/map.js.gz")
EMBED(screens_css_gz, "packed/screens.css.gz")
EMBED(track_html, "web/track.html")
EMBED(track_css_gz, "packed/track.css.gz")
EMBED(track_js_gz, "packed/track.js.gz")
EMBED(ops_html, "web/ops.html")
EMBED(ops_css_gz, "packed/ops.css.gz")
EMBED(ops_js_gz, "packed/ops.js.gz")
EMBED(ops_order_js_gz, "packed/ops_order.js.gz")
EMBED(ops_quarantine_js_gz, "packed/ops_quarantine.js.gz")
EMBED(ops_replay_js_gz, "packed/ops_replay.js.gz")
EMBED(system_html, "web/system.html")
EMBED(system_css_gz, "packed/system.css.gz")
EMBED(system_js_gz, "packed/system.js.gz")
EMBED(maplibre_js_gz, "packed/maplibre-gl-csp.js.gz")
EMBED(maplibre_worker_js_gz, "packed/maplibre-gl-csp-worker.js.gz")
EMBED(pmtiles_js_gz, "packed/pmtiles.js.gz")
EMBED(porto_tiles, "assets/streets/porto.pmtiles")
