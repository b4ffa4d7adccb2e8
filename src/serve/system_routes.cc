#include <algorithm>

#include "base/hash.h"
#include "serve/api.h"
#include "serve/problem.h"
#include "wire/compression.h"
#include "wire/json_out.h"

namespace waybill::serve {
namespace {

constexpr size_t page_bytes_max = 8 << 20;  // unpacked
constexpr std::string_view text_plain = "text/plain; charset=utf-8";
constexpr std::string_view text_metrics = "text/plain; version=0.0.4; charset=utf-8";

Reply ready(const ApiParts& parts) {
  const std::vector<std::string> reasons =
      parts.not_ready_because ? parts.not_ready_because() : std::vector<std::string>{};
  wire::JsonWriter writer;
  writer.begin_object().key("ready").boolean(reasons.empty()).key("reasons").begin_array();
  for (const std::string& reason : reasons) writer.text(reason);
  writer.end_array().end_object();
  Reply reply{.status = reasons.empty() ? 200 : 503, .body = writer.take()};
  if (!reasons.empty()) reply.headers.emplace_back("Retry-After", retry_after_s);
  return reply;
}

Reply page_reply(const Page& page, const std::string& tag, const Request& request) {
  Reply reply{.status = 200, .body = {}, .content_type = page.content_type, .headers = {}, .after = {}};
  reply.headers.emplace_back("ETag", tag);
  reply.headers.emplace_back("Cache-Control", "no-cache");
  reply.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
      "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
  reply.headers.emplace_back("Referrer-Policy", "no-referrer");  // a link in an address is a credential
  if (request.header("If-None-Match") == tag) {
    reply.status = 304;
    return reply;
  }
  reply.body = page.bytes;
  if (page.encoding.empty()) return reply;
  reply.headers.emplace_back("Vary", "Accept-Encoding");
  if (request.header("Accept-Encoding").find(page.encoding) != std::string_view::npos) {
    reply.headers.emplace_back("Content-Encoding", page.encoding);
    return reply;
  }
  auto plain = wire::decompress(page.bytes, wire::Compression::gzip, page_bytes_max);
  if (!plain) return reply_of(plain.error());
  reply.body = std::move(*plain);
  return reply;
}

}  // namespace

std::vector<Route> system_routes(const ApiParts& parts) {
  std::vector<Route> routes;
  routes.push_back({.method = Method::get, .act = Act::greet, .pattern = "/healthz", .handler = [](const Request&) {
                      return Reply{.status = 200, .body = "ok\n", .content_type = text_plain};
                    }});
  routes.push_back({.method = Method::get, .act = Act::greet, .pattern = "/readyz", .handler = [parts](const Request&) {
                      return ready(parts);
                    }});
  routes.push_back(
      {.method = Method::get, .act = Act::observe, .pattern = "/metrics", .handler = [parts](const Request&) {
         return Reply{.status = 200, .body = parts.metrics.expose(), .content_type = text_metrics};
       }});
  if (parts.tiles != nullptr) routes.push_back(tile_route(*parts.tiles));
  for (const Page& page : parts.pages) {
    const std::string tag = '"' + to_hex(hash128(as_bytes(page.bytes))).substr(0, 16) + '"';
    routes.push_back({.method = Method::get,
                      .act = Act::greet,
                      .pattern = page.path,
                      .handler = [page, tag](const Request& request) { return page_reply(page, tag, request); },
                      .where = page.encoding.empty() ? Where::loop : Where::pool,  // it may have to be unpacked
                      .patient = true});
  }
  return routes;
}

}  // namespace waybill::serve
