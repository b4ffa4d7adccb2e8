#include "base/file_stamp.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace waybill {

Result<FileStamp> file_stamp(const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) {
    const int error = errno;
    Code code = Code::unavailable;
    if (error == ENOENT || error == ENOTDIR) code = Code::not_found;
    if (error == EACCES) code = Code::denied;
    return fail(code, "stat " + path + ": " + std::strerror(error));
  }
  constexpr int64_t ns_per_s = 1'000'000'000;
  return FileStamp{.inode = about.st_ino,
                   .size = static_cast<uint64_t>(about.st_size),
                   .modified_ns = about.st_mtim.tv_sec * ns_per_s + about.st_mtim.tv_nsec,
                   .permissions = about.st_mode & 07777u};
}

}  // namespace waybill
