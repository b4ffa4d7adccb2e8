// lake/source.h — what is put as an object: bytes in memory or a file of this machine, read piece by piece.
//
// Threads: from one at a time.
// Failure: of a file: as Files; unavailable where it gets shorter while it is read.
#pragma once

#include <memory>
#include <string>

#include "base/files.h"

namespace waybill::lake {

class Source {
 public:
  explicit Source(Bytes bytes) : bytes_(bytes), size_(bytes.size()) {}
  static Result<Source> of_file(Files& files, const std::string& path);

  uint64_t size() const { return size_; }
  // `count` bytes from `offset` on, all within size(). Valid until the buffer changes.
  Result<Bytes> piece(uint64_t offset, size_t count, std::string& buffer) const;
  Result<uint32_t> crc32c() const;  // of all of it

 private:
  Source(std::unique_ptr<File> file, std::string path, uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  Bytes bytes_;
  std::unique_ptr<File> file_;
  std::string path_;
  uint64_t size_;
};

}  // namespace waybill::lake
