#include "lake/copies.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "base/hash.h"

namespace waybill::lake {
namespace {

class Originals final : public Copies {
  class Named final : public Loan {
   public:
    explicit Named(const Objects& objects) : folder_(objects.url()) {}
    Result<std::string> path_of(const DataFile& file) override { return join_path(folder_, file.key); }

   private:
    const std::string folder_;
  };

 public:
  std::unique_ptr<Loan> borrow(const Objects& objects) override { return std::make_unique<Named>(objects); }
};

// Names say the content: a key is never written twice, but a lake may be made anew at the same place.
std::string copy_name(const DataFile& file) {
  return to_hex(hash128(as_bytes(file.key))) + "-" + to_hex(file.crc32c) + "-" + std::to_string(file.bytes) +
         ".parquet";
}

class FolderCopies final : public Copies {
 public:
  FolderCopies(std::string folder, uint64_t bytes_max, Files& files, std::unique_ptr<FileLock> lock)
      : folder_(std::move(folder)), bytes_max_(bytes_max), files_(files), lock_(std::move(lock)) {}

  // Takes over what the process before has left.
  Result<void> open() {
    TRY_LET(const std::vector<FileInfo> left, files_.list(folder_));
    for (const FileInfo& one : left) {
      if (one.name == lock_name) continue;
      if (one.name.ends_with(coming)) {
        TRY(files_.remove(join_path(folder_, one.name)));
        continue;
      }
      copies_[one.name] = {.bytes = one.size};
      bytes_ += one.size;
    }
    return {};
  }

  std::unique_ptr<Loan> borrow(const Objects& objects) override { return std::make_unique<Lent>(*this, objects); }

  static constexpr const char* lock_name = "LOCK";

 private:
  static constexpr std::string_view coming = ".coming";

  struct Copy {
    uint64_t bytes = 0;
    uint64_t used = 0;  // when it was last lent, by uses_
    uint64_t loans = 0;
    bool fetching = false;  // by who made the entry; others wait
    bool checked = false;  // by this process
  };

  class Lent final : public Loan {
   public:
    Lent(FolderCopies& copies, const Objects& objects) : copies_(copies), objects_(objects) {}
    ~Lent() override { copies_.give_back(names_); }

    Result<std::string> path_of(const DataFile& file) override {
      const std::string name = copy_name(file);
      if (!names_.contains(name)) {
        TRY(copies_.lend(objects_, file, name));
        names_.insert(name);
      }
      return join_path(copies_.folder_, name);
    }

   private:
    FolderCopies& copies_;
    const Objects& objects_;
    std::set<std::string> names_;
  };

  void give_back(const std::set<std::string>& names) {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names) --copies_.at(name).loans;
  }

  Result<void> lend(const Objects& objects, const DataFile& file, const std::string& name) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      const auto found = copies_.find(name);
      return found == copies_.end() || !found->second.fetching;
    });
    const bool is_there = copies_.contains(name);
    if (!is_there) TRY(make_room(file));
    Copy& copy = copies_[name];
    if (!is_there) bytes_ += copy.bytes = file.bytes;
    copy.used = ++uses_;
    ++copy.loans;
    if (copy.checked) return {};
    copy.fetching = true;
    lock.unlock();
    Result<void> got = bring(objects, file, join_path(folder_, name));
    lock.lock();
    copy.fetching = false;
    copy.checked = got.has_value();
    bytes_ += file.bytes - copy.bytes;  // what the process before has left may have been cut off
    copy.bytes = file.bytes;
    if (!got) {
      bytes_ -= copy.bytes;
      copies_.erase(name);  // nobody else has it: the others waited
    }
    changed_.notify_all();
    return got;
  }

  // With the lock held: lets go of what is not lent until the file finds room.
  Result<void> make_room(const DataFile& file) {
    while (bytes_ + file.bytes > bytes_max_) {
      auto oldest = copies_.end();
      for (auto one = copies_.begin(); one != copies_.end(); ++one)
        if (one->second.loans == 0 && (oldest == copies_.end() || one->second.used < oldest->second.used)) oldest = one;
      if (oldest == copies_.end())
        return fail(Code::overloaded, "what is read of the lake at the same time is more than its copies may take (" +
                                          std::to_string(bytes_max_ >> 20) + " MiB, lake.copies_mib_max)");
      if (const auto removed = files_.remove(join_path(folder_, oldest->first));
          !removed && removed.error().code != Code::not_found)
        return removed;
      bytes_ -= oldest->second.bytes;
      copies_.erase(oldest);
    }
    return {};
  }

  // The copy that the process before has left, where it is whole; else the object.
  Result<void> bring(const Objects& objects, const DataFile& file, const std::string& path) {
    const auto is_right = [&](std::string_view content) {
      return content.size() == file.bytes && crc32c(as_bytes(content)) == file.crc32c;
    };
    if (const auto left = read_file(files_, path); left && is_right(*left)) return {};
    TRY_LET(const std::string content, objects.get(file.key));
    if (!is_right(content)) return fail(Code::corrupt, file.key + ": is not what was written: its checksum differs");
    const std::string temporary = path + std::string(coming);
    Result<void> written = write(temporary, content);
    if (written) written = files_.rename(temporary, path);
    if (!written) (void)files_.remove(temporary);  // else at the next opening
    return written;
  }

  // Not synced: what a loss of power leaves is compared before it is used.
  Result<void> write(const std::string& path, std::string_view content) {
    if (const auto removed = files_.remove(path); !removed && removed.error().code != Code::not_found) return removed;
    TRY_LET(const auto file, files_.open(path, OpenMode::create));
    return file->write_at(0, as_bytes(content));
  }

  const std::string folder_;
  const uint64_t bytes_max_;
  Files& files_;
  const std::unique_ptr<FileLock> lock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Copy> copies_;  // by name
  uint64_t bytes_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace

std::unique_ptr<Copies> no_copies() { return std::make_unique<Originals>(); }

Result<std::unique_ptr<Copies>> open_copies(CopiesOptions options, Files& files) {
  for (int number = 1; number <= copying_processes_max; ++number) {
    const std::string mine = join_path(options.folder, std::to_string(number));
    TRY(files.make_folder(mine));
    auto lock = files.lock(join_path(mine, FolderCopies::lock_name));
    if (!lock && lock.error().code == Code::conflict) continue;
    if (!lock) return std::unexpected(lock.error());
    auto copies = std::make_unique<FolderCopies>(mine, options.bytes_max, files, std::move(*lock));
    TRY(copies->open());
    return copies;
  }
  return fail(Code::overloaded, options.folder + ": " + std::to_string(copying_processes_max) +
                                    " processes copy files of the lake already");
}

}  // namespace waybill::lake
