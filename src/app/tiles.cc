#include "app/tiles.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "app/assets.h"
#include "base/hash.h"

namespace waybill::app {
namespace {

constexpr std::string_view magic = "PMTiles\x03";
constexpr size_t header_bytes = 16 << 10;  // its header and root directory lie in them

std::string tag_of(std::string_view head, uint64_t size) {
  return '"' + to_hex(hash128(as_bytes(head))).substr(0, 16) + '-' + std::to_string(size) + '"';
}

Result<std::string> read_part(const File& file, uint64_t offset, size_t bytes) {
  std::string part(bytes, '\0');
  TRY_LET(const size_t read, file.read_at(offset, std::as_writable_bytes(std::span(part))));
  if (read != bytes) return fail(Code::unavailable, "map.tiles: the file has become shorter");
  return part;
}

}  // namespace

Result<serve::TileArchive> open_tiles(const Config& config, Files& files) {
  if (config.map_tiles.empty()) {
    const std::string_view built_in = porto_tiles();
    return serve::TileArchive{.size = built_in.size(),
                              .tag = tag_of(built_in.substr(0, header_bytes), built_in.size()),
                              .read = [built_in](uint64_t offset, size_t bytes) -> Result<std::string> {
                                return std::string(built_in.substr(offset, bytes));
                              }};
  }
  auto opened = files.open(config.map_tiles, OpenMode::read);
  if (!opened) return fail(opened.error().code, "map.tiles: " + opened.error().message);
  const std::shared_ptr<const File> file = std::move(*opened);  // shared: functions are copied
  TRY_LET(const uint64_t size, file->size());
  TRY_LET(const std::string head, read_part(*file, 0, std::min<uint64_t>(size, header_bytes)));
  if (!head.starts_with(magic))
    return fail(Code::invalid, "map.tiles: " + config.map_tiles + " is no PMTiles archive of version 3");
  return serve::TileArchive{.size = size, .tag = tag_of(head, size), .read = [file](uint64_t offset, size_t bytes) {
                              return read_part(*file, offset, bytes);
                            }};
}

}  // namespace waybill::app
