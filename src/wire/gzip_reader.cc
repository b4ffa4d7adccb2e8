#include "wire/gzip_reader.h"

#include <zlib.h>

#include "base/check.h"

namespace waybill::wire {

struct GzipReader::State {
  z_stream stream{};
  bool in_member = false;
  bool any = false;
  bool broken = false;
};

GzipReader::GzipReader() : state_(std::make_unique<State>()) {
  constexpr int gzip_only = 15 + 16;
  CHECK(inflateInit2(&state_->stream, gzip_only) == Z_OK, "zlib is there and has memory");
}

GzipReader::~GzipReader() { inflateEnd(&state_->stream); }

bool GzipReader::whole() const { return state_->any && !state_->in_member && !state_->broken; }

Result<void> GzipReader::unpack(std::string_view packed, std::string& into) {
  State& state = *state_;
  if (state.broken) return fail(Code::invalid, "gzip: damaged");
  state.stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib does not write there
  state.stream.avail_in = static_cast<uInt>(packed.size());
  char piece[64 << 10];
  bool more_out = false;  // the last piece was full: zlib may hold more although its input is used up
  while (state.stream.avail_in > 0 || more_out) {
    if (!state.in_member) {
      if (state.stream.avail_in == 0) break;
      inflateReset(&state.stream);
      state.in_member = state.any = true;
    }
    state.stream.next_out = reinterpret_cast<Bytef*>(piece);
    state.stream.avail_out = sizeof piece;
    const int code = inflate(&state.stream, Z_NO_FLUSH);
    into.append(piece, sizeof piece - state.stream.avail_out);
    more_out = state.stream.avail_out == 0;
    if (code == Z_STREAM_END) {
      state.in_member = more_out = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      state.broken = true;
      return fail(Code::invalid, std::string("gzip: ") + (state.stream.msg != nullptr ? state.stream.msg : "damaged"));
    }
  }
  return {};
}

}  // namespace waybill::wire
