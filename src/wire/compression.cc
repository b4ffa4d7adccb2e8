#include "wire/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/check.h"

namespace waybill::wire {
namespace {

constexpr size_t chunk_bytes = 64 << 10;
// A zstd frame may ask for a window of its own size: larger ones than this are refused before memory is taken.
constexpr int zstd_window_log_max = 23;  // 8 MiB

std::unexpected<Error> too_large(size_t bytes_max) {
  return fail(Code::overloaded, "unpacks to more than " + std::to_string(bytes_max) + " bytes");
}

// Room for the next piece behind what there is, never beyond one byte more than is allowed.
size_t grow(std::string& plain, size_t used, size_t bytes_max) {
  const size_t wanted = std::min(std::max(used * 2, chunk_bytes), bytes_max + 1);
  plain.resize(std::max(wanted, used));
  return plain.size() - used;
}

Result<std::string> gunzip(std::string_view packed, size_t bytes_max) {
  if (packed.size() > std::numeric_limits<uInt>::max()) return fail(Code::overloaded, "gzip: body too large");
  z_stream stream{};
  constexpr int gzip_only = 15 + 16;
  CHECK(inflateInit2(&stream, gzip_only) == Z_OK, "zlib could not begin");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string plain;
  size_t used = 0;
  while (true) {
    if (used == plain.size() && grow(plain, used, bytes_max) == 0) return too_large(bytes_max);
    const auto room = static_cast<uInt>(std::min<size_t>(plain.size() - used, std::numeric_limits<uInt>::max()));
    stream.next_out = reinterpret_cast<Bytef*>(plain.data() + used);
    stream.avail_out = room;
    const int state = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    if (used > bytes_max) return too_large(bytes_max);
    if (state == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      if (inflateReset(&stream) != Z_OK) return fail(Code::invalid, "gzip: cannot go on with the next member");
      continue;
    }
    if (state != Z_OK && state != Z_BUF_ERROR) return fail(Code::invalid, "not gzip, or damaged");
    if (stream.avail_in == 0 && stream.avail_out > 0) return fail(Code::invalid, "gzip: cut off before its end");
  }
  plain.resize(used);
  return plain;
}

Result<std::string> unzstd(std::string_view packed, size_t bytes_max) {
  const std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(), ZSTD_freeDStream);
  CHECK(stream != nullptr, "zstd could not begin");
  ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, zstd_window_log_max);
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::string plain;
  size_t used = 0;
  size_t expected = 1;  // 0 at the end of a frame
  while (in.pos < in.size || expected != 0) {
    if (used == plain.size() && grow(plain, used, bytes_max) == 0) return too_large(bytes_max);
    ZSTD_outBuffer out{plain.data() + used, plain.size() - used, 0};
    const size_t before = in.pos;
    expected = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(expected))
      return fail(Code::invalid, std::string("not zstd, or damaged: ") + ZSTD_getErrorName(expected));
    used += out.pos;
    if (used > bytes_max) return too_large(bytes_max);
    if (expected != 0 && in.pos == in.size && in.pos == before && out.pos == 0)
      return fail(Code::invalid, "zstd: cut off before its end");
  }
  plain.resize(used);
  return plain;
}

std::string gzip(std::string_view plain) {
  z_stream stream{};
  constexpr int gzip_header = 15 + 16;
  constexpr int memory_usual = 8;
  CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_header, memory_usual, Z_DEFAULT_STRATEGY) == Z_OK,
        "zlib could not begin");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
  CHECK(plain.size() <= std::numeric_limits<uInt>::max() / 2, "gzip takes at most 2 GiB at once");
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflateBound is enough for one call");
  packed.resize(packed.size() - stream.avail_out);
  return packed;
}

std::string zstd(std::string_view plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  constexpr int level = 3;
  const size_t bytes = ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), level);
  CHECK(!ZSTD_isError(bytes), "compressBound is enough");
  packed.resize(bytes);
  return packed;
}

}  // namespace

Result<std::string> decompress(std::string_view packed, Compression compression, size_t bytes_max) {
  switch (compression) {
    case Compression::none:
      if (packed.size() > bytes_max) return too_large(bytes_max);
      return std::string(packed);
    case Compression::gzip: return gunzip(packed, bytes_max);
    case Compression::zstd: return unzstd(packed, bytes_max);
  }
  return std::string(packed);
}

std::string compress(std::string_view plain, Compression compression) {
  switch (compression) {
    case Compression::none: return std::string(plain);
    case Compression::gzip: return gzip(plain);
    case Compression::zstd: return zstd(plain);
  }
  return std::string(plain);
}

}  // namespace waybill::wire
