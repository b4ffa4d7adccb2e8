#include "store/rocks/retryable.h"

#include <rocksdb/file_system.h>

#include <string>

namespace waybill::store {
namespace {

using rocksdb::DataVerificationInfo;
using rocksdb::DirFsyncOptions;
using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus retryable(IOStatus status, DiskState& state) {
  if (status.ok()) return status;
  state.full = status.IsNoSpace();
  if (!status.IsNoSpace() && !status.IsIOError()) return status;
  if (status.IsPathNotFound()) return status;
  const char* said = status.getState();
  status = IOStatus::IOError(said == nullptr ? "" : said);
  status.SetRetryable(true);
  return status;
}

class RetryableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  RetryableFile(std::unique_ptr<FSWritableFile> file, DiskState& state)
      : FSWritableFileOwnerWrapper(std::move(file)), state_(state) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* context) override {
    return written(target()->Append(data, options, context));
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const DataVerificationInfo& info,
                  IODebugContext* context) override {
    return written(target()->Append(data, options, info, context));
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* context) override {
    return retryable(target()->Truncate(size, options, context), state_);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* context) override {
    return retryable(target()->Close(options, context), state_);
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* context) override {
    return retryable(target()->Flush(options, context), state_);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* context) override {
    return retryable(target()->Sync(options, context), state_);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return retryable(target()->Fsync(options, context), state_);
  }
  IOStatus RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options, IODebugContext* context) override {
    return retryable(target()->RangeSync(offset, bytes, options, context), state_);
  }

 private:
  IOStatus written(IOStatus status) {
    if (status.ok() && state_.full.load(std::memory_order_relaxed)) state_.full = false;
    return retryable(std::move(status), state_);
  }
  DiskState& state_;
};

class RetryableFolder final : public FSDirectory {
 public:
  RetryableFolder(std::unique_ptr<FSDirectory> folder, DiskState& state) : folder_(std::move(folder)), state_(state) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override {
    return retryable(folder_->Fsync(options, context), state_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* context,
                               const DirFsyncOptions& reason) override {
    return retryable(folder_->FsyncWithDirOptions(options, context, reason), state_);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* context) override {
    return folder_->Close(options, context);
  }
  size_t GetUniqueId(char* id, size_t bytes_max) const override { return folder_->GetUniqueId(id, bytes_max); }

 private:
  std::unique_ptr<FSDirectory> folder_;
  DiskState& state_;
};

class RetryableFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  RetryableFileSystem(const std::shared_ptr<rocksdb::FileSystem>& below, DiskState& state)
      : FileSystemWrapper(below), state_(state) {}
  const char* Name() const override { return "retryable"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
                           IODebugContext* context) override {
    return opened(target()->NewWritableFile(path, options, result, context), result);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result, IODebugContext* context) override {
    return opened(target()->ReopenWritableFile(path, options, result, context), result);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options, std::unique_ptr<FSDirectory>* result,
                        IODebugContext* context) override {
    IOStatus status = retryable(target()->NewDirectory(path, options, result, context), state_);
    if (status.ok()) *result = std::make_unique<RetryableFolder>(std::move(*result), state_);
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* context) override {
    return retryable(target()->RenameFile(from, to, options, context), state_);
  }

 private:
  IOStatus opened(IOStatus status, std::unique_ptr<FSWritableFile>* file) {
    status = retryable(std::move(status), state_);
    if (status.ok()) *file = std::make_unique<RetryableFile>(std::move(*file), state_);
    return status;
  }
  DiskState& state_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_retryable(std::shared_ptr<rocksdb::FileSystem> below, DiskState& state) {
  return std::make_shared<RetryableFileSystem>(std::move(below), state);
}

}  // namespace waybill::store
