// serve/tiles.h — the streets below the pages' map: an archive of vector tiles (PMTiles) that browsers read in parts.
//
// Threads: read from any thread; the archive lives as long as the server.
// Failure: what read() says: of a file that has become shorter, or a disk that fails.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "serve/http.h"

namespace waybill::serve {

struct TileArchive {
  uint64_t size = 0;
  std::string tag;  // the value of its ETag, quoted; another one for other content
  std::function<Result<std::string>(uint64_t offset, size_t bytes)> read;
};

// A range that is longer is answered by its beginning, and an archive that is longer by ranges only.
inline constexpr uint64_t tile_range_bytes_max = 4 << 20;

Route tile_route(const TileArchive& archive);

}  // namespace waybill::serve
