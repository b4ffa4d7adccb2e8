#include "base/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/files.h"

namespace waybill {
namespace {

std::unexpected<Error> refused(const std::string& path) {
  const Code code = errno == EEXIST ? Code::conflict : errno == EACCES ? Code::denied : Code::unavailable;
  return fail(code, path + ": " + std::strerror(errno));
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path) {
  TRY_LET(std::string content, read_file(system_files(), path));
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return refused(path);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(Code::denied, path + " may be read by others than its owner: chmod 600 " + path);
  return content;
}

Result<void> write_secret_file(const std::string& folder, const std::string& name, std::string_view content) {
  Files& files = system_files();
  const bool there = files.info(folder).has_value();
  TRY(make_folder_durably(files, folder));
  if (!there && ::chmod(folder.c_str(), S_IRWXU) != 0) return refused(folder);
  const std::string path = join_path(folder, name);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return refused(path);
  const bool written = ::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                       ::fsync(descriptor) == 0;
  const int why = errno;
  ::close(descriptor);
  if (!written) {
    ::unlink(path.c_str());
    errno = why;
    return refused(path);
  }
  return files.sync_folder(folder);
}

}  // namespace waybill
