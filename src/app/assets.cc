#include "app/assets.h"

// The assembler takes the files in; CMake gives it the project's folder.
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
EMBED(page_html, "web/index.html")
EMBED(page_css, "web/waybill.css")
EMBED(page_js, "web/waybill.js")
EMBED(login_html, "web/login.html")
EMBED(login_js, "web/login.js")
EMBED(openapi_json, "web/openapi.json")
EMBED(docs_html, "web/docs.html")
EMBED(docs_css, "web/docs.css")
EMBED(docs_js, "web/docs.js")
