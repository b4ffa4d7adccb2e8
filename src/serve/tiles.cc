#include "serve/tiles.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "serve/problem.h"

namespace waybill::serve {
namespace {

struct Range {
  uint64_t first = 0;
  uint64_t bytes = 0;  // 0: nothing of the archive lies in it
};

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// One range of bytes; nothing where it is something else, which a server may pass over.
std::optional<Range> asked_range(std::string_view header, uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  if (!header.starts_with(unit)) return std::nullopt;
  header.remove_prefix(unit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view from = header.substr(0, dash);
  const std::string_view to = header.substr(dash + 1);
  if (from.empty()) {
    const auto last = whole_number(to);
    if (!last) return std::nullopt;
    const uint64_t bytes = std::min(*last, size);
    return Range{.first = size - bytes, .bytes = bytes};
  }
  const auto first = whole_number(from);
  const auto last = to.empty() ? UINT64_MAX : whole_number(to);
  if (!first || !last || *last < *first) return std::nullopt;
  if (*first >= size) return Range{.first = *first, .bytes = 0};
  return Range{.first = *first, .bytes = std::min(*last, size - 1) - *first + 1};
}

Reply part_of(const TileArchive& archive, Range range, int status) {
  auto bytes = archive.read(range.first, range.bytes);
  if (!bytes) return reply_of(bytes.error());
  Reply reply{.status = status, .body = std::move(*bytes), .content_type = "application/vnd.pmtiles"};
  reply.headers.emplace_back("ETag", archive.tag);
  reply.headers.emplace_back("Accept-Ranges", "bytes");
  reply.headers.emplace_back("Cache-Control", "no-cache");
  if (status == 206)
    reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(range.first) + '-' +
                                                    std::to_string(range.first + range.bytes - 1) + '/' +
                                                    std::to_string(archive.size));
  return reply;
}

Reply tiles(const TileArchive& archive, const Request& request) {
  if (request.header("If-None-Match") == archive.tag) {
    Reply reply{.status = 304, .body = {}};
    reply.headers.emplace_back("ETag", archive.tag);
    return reply;
  }
  const auto range = asked_range(request.header("Range"), archive.size);
  if (!range && archive.size > tile_range_bytes_max)
    return reply_of(Problem{
        .status = 400, .detail = "the archive is read in parts", .field = "Range", .expected = "bytes=FIRST-LAST"});
  if (!range) return part_of(archive, {.first = 0, .bytes = archive.size}, 200);
  if (range->bytes == 0) {
    Reply reply = reply_of(Problem{.status = 416,
                                   .detail = "the archive has " + std::to_string(archive.size) + " bytes",
                                   .field = "Range",
                                   .expected = "a beginning before its end"});
    reply.headers.emplace_back("Content-Range", "bytes */" + std::to_string(archive.size));
    return reply;
  }
  return part_of(archive, {.first = range->first, .bytes = std::min(range->bytes, tile_range_bytes_max)}, 206);
}

}  // namespace

Route tile_route(const TileArchive& archive) {
  return {.method = Method::get,
          .act = Act::greet,
          .pattern = "/web/tiles.pmtiles",
          .handler = [&archive](const Request& request) { return tiles(archive, request); },
          .where = Where::pool};
}

}  // namespace waybill::serve
