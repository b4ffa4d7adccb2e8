// Any bytes as gzip and as zstd: never more than is allowed comes out, and a gzip file read in pieces says the same as the
// whole. The first byte says how long the pieces are.
#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "wire/compression.h"
#include "wire/gzip_reader.h"

namespace {

using namespace waybill;
using namespace waybill::wire;

constexpr size_t plain_bytes_max = 256 << 10;

void read_in_pieces(std::string_view packed, size_t piece, const Result<std::string>& whole) {
  GzipReader reader;
  std::string plain;
  for (size_t at = 0; at < packed.size() && plain.size() <= plain_bytes_max; at += piece)
    if (!reader.unpack(packed.substr(at, piece), plain)) {
      CHECK(!whole, "what is whole is so in pieces");
      return;
    }
  if (whole) CHECK(reader.whole() && plain == *whole, "pieces make the same text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    const auto plain = decompress(bytes, compression, plain_bytes_max);
    CHECK(!plain || plain->size() <= plain_bytes_max, "no more than is allowed");
    if (compression == Compression::gzip) read_in_pieces(bytes, data[0] + 1u, plain);
    const auto back = decompress(compress(bytes, compression), compression, std::max(bytes.size(), size_t{1}));
    CHECK(back && *back == bytes, "what was packed comes back");
  }
  return 0;
}
