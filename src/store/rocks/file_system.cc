#include "store/rocks/file_system.h"

#include <rocksdb/file_system.h>

namespace waybill::store {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus to_status(const Error& error) {
  IOStatus status;
  switch (error.code) {
    case Code::not_found: return IOStatus::PathNotFound(error.message);
    case Code::overloaded: status = IOStatus::NoSpace(error.message); break;
    case Code::conflict: return IOStatus::Busy(error.message);
    case Code::corrupt: return IOStatus::Corruption(error.message);
    case Code::invalid:
    case Code::denied:
    case Code::unavailable: status = IOStatus::IOError(error.message); break;
  }
  status.SetRetryable(true);
  return status;
}

template <class T>
IOStatus to_status(const Result<T>& result) {
  return result ? IOStatus::OK() : to_status(result.error());
}

Bytes bytes_of(const Slice& slice) { return as_bytes(std::string_view(slice.data(), slice.size())); }

IOStatus read_into(const File& file, uint64_t offset, size_t size, Slice* result, char* scratch) {
  const auto count = file.read_at(offset, std::as_writable_bytes(std::span(scratch, size)));
  *result = Slice(scratch, count.value_or(0));
  return to_status(count);
}

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  IOStatus Read(size_t size, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    IOStatus status = read_into(*file_, at_, size, result, scratch);
    at_ += result->size();
    return status;
  }
  IOStatus Skip(uint64_t bytes) override {
    at_ += bytes;
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
  uint64_t at_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t size, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return read_into(*file_, offset, size, result, scratch);
  }

 private:
  std::unique_ptr<File> file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::unique_ptr<File> file, const FileOptions& options, uint64_t size)
      : FSWritableFile(options), file_(std::move(file)), size_(size) {}

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const auto written = file_->write_at(size_, bytes_of(data));
    if (written) size_ += data.size();
    return to_status(written);
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    const auto cut = file_->truncate(size);
    if (cut) size_ = size;
    return to_status(cut);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return to_status(file_->sync()); }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  std::unique_ptr<File> file_;
  uint64_t size_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return to_status(files_.sync_folder(path_)); }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  Files& files_;
  std::string path_;
};

struct HeldLock final : rocksdb::FileLock {
  explicit HeldLock(std::unique_ptr<waybill::FileLock> taken) : lock(std::move(taken)) {}
  std::unique_ptr<waybill::FileLock> lock;
};

class FileSystemOverFiles final : public rocksdb::FileSystem {
 public:
  explicit FileSystemOverFiles(Files& files) : files_(files) {}
  const char* Name() const override { return "waybill"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext*) override {
    return open<SequentialFile>(path, result);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext*) override {
    return open<RandomAccessFile>(path, result);
  }

  // An empty file, whatever was there.
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    auto file = files_.open(path, OpenMode::create);
    if (!file && file.error().code == Code::conflict) {
      if (auto removed = files_.remove(path); !removed) return to_status(removed);
      file = files_.open(path, OpenMode::create);
    }
    if (file) *result = std::make_unique<WritableFile>(std::move(*file), options, 0);
    return to_status(file);
  }

  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* context) override {
    auto file = files_.open(path, OpenMode::read_write);
    if (!file && file.error().code == Code::not_found) return NewWritableFile(path, options, result, context);
    if (!file) return to_status(file);
    const auto size = (*file)->size();
    if (size) *result = std::make_unique<WritableFile>(std::move(*file), options, *size);
    return to_status(size);
  }

  IOStatus NewDirectory(const std::string& path, const IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext*) override {
    *result = std::make_unique<Directory>(files_, path);
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    const auto info = files_.info(path);
    if (!info && info.error().code == Code::not_found) return IOStatus::NotFound(path);
    return to_status(info);
  }
  IOStatus GetChildren(const std::string& folder, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    const auto list = files_.list(folder);
    result->clear();
    if (list)
      for (const FileInfo& info : *list) result->push_back(info.name);
    return to_status(list);
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return to_status(files_.remove(path));
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return to_status(files_.make_folder(path));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    const auto info = files_.info(path);
    return info && info->folder ? IOStatus::OK() : to_status(files_.make_folder(path));
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return to_status(files_.remove(path));
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&, uint64_t* size, IODebugContext*) override {
    const auto info = files_.info(path);
    *size = info ? info->size : 0;
    return to_status(info);
  }
  // Only asked for to age files by time, which this store does not do.
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, uint64_t* time, IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
    return to_status(files_.rename(from, to));
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock, IODebugContext*) override {
    auto taken = files_.lock(path);
    *lock = taken ? new HeldLock(std::move(*taken)) : nullptr;
    return to_status(taken);
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete static_cast<HeldLock*>(lock);
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path, IODebugContext*) override {
    *path = "/";
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result, IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }
  IOStatus GetFreeSpace(const std::string& path, const IOOptions&, uint64_t* bytes, IODebugContext*) override {
    const auto free = files_.free_bytes(path);
    *bytes = free.value_or(0);
    return to_status(free);
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_folder, IODebugContext*) override {
    const auto info = files_.info(path);
    *is_folder = info && info->folder;
    return to_status(info);
  }

 private:
  template <class Kind, class Into>
  IOStatus open(const std::string& path, std::unique_ptr<Into>* result) {
    auto file = files_.open(path, OpenMode::read);
    if (file) *result = std::make_unique<Kind>(std::move(*file));
    return to_status(file);
  }

  Files& files_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_file_system(Files& files) {
  return std::make_shared<FileSystemOverFiles>(files);
}

}  // namespace waybill::store
