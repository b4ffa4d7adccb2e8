// base/files.h — the file system as the rooms see it, so that a test can lose, tear and fill it.
//
// Durability: bytes written are safe after File::sync(); a name (created, renamed, removed) after Files::sync_folder().
// Threads:    Files from any thread; a File's read_at from any thread, its other methods from one at a time.
// Failure:    not_found, conflict (exists), denied, overloaded (disk or quota full), unavailable (anything else the
//             system reports). After a failed sync() the file's unsynced bytes are in an unknown state for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace waybill {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class File {
 public:
  virtual ~File() = default;
  // Fills `into` from `offset`; returns how many bytes there were (fewer only at the end of the file).
  virtual Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) const = 0;
  virtual Result<void> write_at(uint64_t offset, Bytes bytes) = 0;
  virtual Result<void> sync() = 0;  // fdatasync
  virtual Result<void> truncate(uint64_t size) = 0;
  virtual Result<uint64_t> size() const = 0;
};

// Held until destroyed; the system gives it back when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct FileInfo {
  std::string name;  // without the folder
  uint64_t size = 0;
  bool folder = false;
};

// create: read and write; conflict where it exists. create_private: the same, and nobody but its owner may open it.
enum class OpenMode { read, read_write, create, create_private };

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  // Of several at the same time, in any process, one is first. conflict where `to` is there: both stay as they are.
  virtual Result<void> rename_new(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;  // a file or an empty folder
  virtual Result<void> make_folder(const std::string& path) = 0;  // parents too; fine when there
  virtual Result<void> sync_folder(const std::string& path) = 0;
  virtual Result<std::vector<FileInfo>> list(const std::string& folder) const = 0;  // sorted by name
  virtual Result<FileInfo> info(const std::string& path) const = 0;
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;  // conflict when held elsewhere
  virtual Result<uint64_t> free_bytes(const std::string& folder) const = 0;
};

// The machine's own file system; lives as long as the process.
Files& system_files();

// Whole small files. write_file_atomically: temporary name, sync, rename, sync of the folder.
Result<std::string> read_file(Files& files, const std::string& path);
Result<void> write_file_atomically(Files& files, const std::string& path, std::string_view content);

// With its parents, and all their names on the disk: what is put into it later is not lost with it.
Result<void> make_folder_durably(Files& files, const std::string& path);

// A folder with all that is in it, or a file; fine when it is not there. Failure: what was not reached yet is still there.
Result<void> remove_with_content(Files& files, const std::string& path);

// From the root on; relative to the working folder where it is not.
Result<std::string> absolute_path(const std::string& path);

// "a/b" and "c" to "a/b/c".
std::string join_path(std::string_view folder, std::string_view name);

}  // namespace waybill
