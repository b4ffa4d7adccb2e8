#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace waybill {
namespace {

std::unexpected<Error> system_error(std::string_view doing, const std::string& path, int error) {
  Code code = Code::unavailable;
  if (error == ENOENT || error == ENOTDIR) code = Code::not_found;
  if (error == EEXIST || error == ENOTEMPTY) code = Code::conflict;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::denied;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE) code = Code::overloaded;
  return fail(code, std::string(doing) + " " + path + ": " + std::strerror(error));
}

std::string parent_of(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return "/";
  const size_t slash = path.find_last_of('/', end);
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class SystemFile final : public File {
 public:
  SystemFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) const override {
    size_t done = 0;
    while (done < into.size()) {
      ssize_t count = ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_error("read", path_, errno);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  Result<void> write_at(uint64_t offset, Bytes bytes) override {
    while (!bytes.empty()) {
      ssize_t count = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_error("write", path_, errno);
      offset += static_cast<uint64_t>(count);
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_.get()) != 0) return system_error("sync", path_, errno);
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return system_error("truncate", path_, errno);
    return {};
  }

  Result<uint64_t> size() const override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return system_error("stat", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class SystemLock final : public FileLock {
 public:
  explicit SystemLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

class SystemFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::read: flags |= O_RDONLY; break;
      case OpenMode::read_write: flags |= O_RDWR; break;
      case OpenMode::create:
      case OpenMode::create_private: flags |= O_RDWR | O_CREAT | O_EXCL; break;
    }
    int fd = ::open(path.c_str(), flags, mode == OpenMode::create_private ? 0600 : 0640);
    if (fd < 0) return system_error("open", path, errno);
    return std::make_unique<SystemFile>(fd, path);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from + " to " + to, errno);
    return {};
  }

  Result<void> rename_new(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
      return system_error("rename", from + " to " + to, errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::remove(path.c_str()) != 0) return system_error("remove", path, errno);
    return {};
  }

  Result<void> make_folder(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return system_error("make folder", path, error.value());
    return {};
  }

  Result<void> sync_folder(const std::string& path) override {
    int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return system_error("open folder", path, errno);
    Descriptor folder(fd);
    if (::fsync(fd) != 0) return system_error("sync folder", path, errno);
    return {};
  }

  Result<std::vector<FileInfo>> list(const std::string& folder) const override {
    DIR* opened = ::opendir(folder.c_str());
    if (opened == nullptr) return system_error("list", folder, errno);
    std::unique_ptr<DIR, int (*)(DIR*)> directory(opened, ::closedir);
    std::vector<FileInfo> found;
    while (const dirent* entry = ::readdir(opened)) {
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (auto about = info(join_path(folder, name))) found.push_back(std::move(*about));
    }
    std::ranges::sort(found, {}, &FileInfo::name);
    return found;
  }

  Result<FileInfo> info(const std::string& path) const override {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) return system_error("stat", path, errno);
    return FileInfo{.name = path.substr(path.find_last_of('/') + 1),
                    .size = static_cast<uint64_t>(about.st_size),
                    .folder = S_ISDIR(about.st_mode)};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return system_error("open", path, errno);
    auto held = std::make_unique<SystemLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return fail(Code::conflict, "lock " + path + ": held by another process");
      return system_error("lock", path, errno);
    }
    return held;
  }

  Result<uint64_t> free_bytes(const std::string& folder) const override {
    struct statvfs about{};
    if (::statvfs(folder.c_str(), &about) != 0) return system_error("statvfs", folder, errno);
    return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
  }
};

}  // namespace

Files& system_files() {
  static SystemFiles files;
  return files;
}

Result<std::string> read_file(Files& files, const std::string& path) {
  TRY_LET(auto file, files.open(path, OpenMode::read));
  TRY_LET(uint64_t size, file->size());
  std::string content(size, '\0');
  TRY_LET(size_t count, file->read_at(0, std::as_writable_bytes(std::span(content))));
  content.resize(count);
  return content;
}

Result<void> write_file_atomically(Files& files, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  if (auto removed = files.remove(temporary); !removed && removed.error().code != Code::not_found)
    return std::unexpected(removed.error());
  TRY_LET(auto file, files.open(temporary, OpenMode::create));
  TRY(file->write_at(0, as_bytes(content)));
  TRY(file->sync());
  TRY(files.rename(temporary, path));
  return files.sync_folder(parent_of(path));
}

Result<void> remove_with_content(Files& files, const std::string& path) {
  // First as what it is: a link goes, and nothing of where it leads to.
  if (const auto removed = files.remove(path); removed || removed.error().code == Code::not_found) return {};
  TRY_LET(const auto content, files.list(path));
  for (const FileInfo& entry : content) TRY(remove_with_content(files, join_path(path, entry.name)));
  return files.remove(path);
}

Result<void> make_folder_durably(Files& files, const std::string& path) {
  TRY(files.make_folder(path));
  // Names that can be seen may still be lost, also those that an earlier try has made. What others have made above ours we
  // may not be allowed to look into, and need not.
  std::vector<std::string> on_the_way{path};
  for (std::string at = parent_of(path); at != "." && at != "/"; at = parent_of(at)) on_the_way.push_back(at);
  for (size_t i = on_the_way.size(); i-- > 0;) {
    const Result<void> synced = files.sync_folder(parent_of(on_the_way[i]));
    if (!synced && (i == 0 || synced.error().code != Code::denied)) return synced;
  }
  return {};
}

Result<std::string> absolute_path(const std::string& path) {
  std::error_code error;
  std::string absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return system_error("find", path, error.value());
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute;
}

std::string join_path(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && path.back() != '/') path += '/';
  path += name;
  return path;
}

}  // namespace waybill
