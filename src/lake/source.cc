#include "lake/source.h"

#include <algorithm>

#include "base/hash.h"

namespace waybill::lake {

Result<Source> Source::of_file(Files& files, const std::string& path) {
  TRY_LET(auto file, files.open(path, OpenMode::read));
  TRY_LET(const uint64_t size, file->size());
  return Source(std::move(file), path, size);
}

Result<Bytes> Source::piece(uint64_t offset, size_t count, std::string& buffer) const {
  if (!file_) return bytes_.subspan(offset, count);
  buffer.resize(count);
  TRY_LET(const size_t read, file_->read_at(offset, std::as_writable_bytes(std::span(buffer))));
  if (read < count) return fail(Code::unavailable, "read " + path_ + ": it got shorter meanwhile");
  return as_bytes(buffer);
}

Result<uint32_t> Source::crc32c() const {
  constexpr size_t piece_bytes = 1 << 20;
  std::string buffer;
  uint32_t sum = 0;
  for (uint64_t at = 0; at < size_; at += piece_bytes) {
    TRY_LET(const Bytes next, piece(at, std::min<uint64_t>(piece_bytes, size_ - at), buffer));
    sum = waybill::crc32c(next, sum);
  }
  return sum;
}

}  // namespace waybill::lake
