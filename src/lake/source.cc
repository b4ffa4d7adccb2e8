#include "lake/source.h"

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

}  // namespace waybill::lake
