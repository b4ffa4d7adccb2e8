// base/file_stamp.h — who may read a file and whether it is another than before, for files that others replace under us.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace waybill {

struct FileStamp {
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  uint32_t permissions = 0;  // 0600

  // Somebody beside the owner may read or write it.
  bool open_to_others() const { return (permissions & 077) != 0; }
  bool operator==(const FileStamp&) const = default;
};

// Of what a symbolic link leads to.
Result<FileStamp> file_stamp(const std::string& path);

}  // namespace waybill
