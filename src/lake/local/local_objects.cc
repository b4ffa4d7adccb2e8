#include "lake/local/local_objects.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>

#include "base/random.h"
#include "lake/source.h"

namespace waybill::lake {
namespace {

using Access = LocalObjectsOptions::Access;

constexpr size_t piece_bytes = 1 << 20;

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

// A folder below `in progress` in which one process writes what has no name yet; its lock tells whether that one lives.
class Workplace {
 public:
  static Result<std::unique_ptr<Workplace>> open(const std::string& folder, Files& files) {
    const std::string all = join_path(folder, "in progress");
    TRY(files.make_folder(all));
    TRY(clear(all, files));
    for (;;) {
      const std::string mine = join_path(all, std::to_string(random_seed()));
      TRY(files.make_folder(mine));
      auto lock = files.lock(join_path(mine, lock_name));
      if (lock) return std::unique_ptr<Workplace>(new Workplace(mine, std::move(*lock)));
      // Another process that opens at this moment takes it for a dead one's.
      if (lock.error().code != Code::conflict && lock.error().code != Code::not_found)
        return std::unexpected(lock.error());
    }
  }

  std::string next() { return join_path(folder_, std::to_string(++count_)); }

 private:
  static constexpr const char* lock_name = "LOCK";

  Workplace(std::string folder, std::unique_ptr<FileLock> lock) : folder_(std::move(folder)), lock_(std::move(lock)) {}

  static Result<void> clear(const std::string& all, Files& files) {
    TRY_LET(const auto left, files.list(all));
    for (const FileInfo& one : left) {
      const std::string folder = join_path(all, one.name);
      const auto lock = files.lock(join_path(folder, lock_name));
      if (lock) TRY(remove_with_content(files, folder));
      if (!lock && lock.error().code != Code::conflict && lock.error().code != Code::not_found)
        return std::unexpected(lock.error());
    }
    return {};
  }

  const std::string folder_;
  const std::unique_ptr<FileLock> lock_;
  std::atomic<uint64_t> count_{0};
};

class LocalObjects final : public Objects {
 public:
  LocalObjects(LocalObjectsOptions options, Files& files, std::unique_ptr<Workplace> workplace)
      : options_(std::move(options)), files_(files), workplace_(std::move(workplace)) {}

  Result<void> put(const std::string& key, Bytes content, IfThere if_there) override {
    return put_source(key, Source(content), if_there);
  }

  Result<void> put_file(const std::string& key, const std::string& path, IfThere if_there) override {
    TRY_LET(const Source source, Source::of_file(files_, path));
    return put_source(key, source, if_there);
  }

  Result<std::string> get(const std::string& key) const override {
    TRY(check_key(key));
    const std::string path = join_path(options_.folder, key);
    TRY_LET(const FileInfo about, files_.info(path));
    if (about.folder) return fail(Code::not_found, path + ": is the folder of other objects");
    TRY_LET(std::string content, read_file(files_, path));
    if (workplace_) {
      std::lock_guard lock(names_);
      TRY(settle(folder_of(path)));
    }
    return content;
  }

  Result<std::vector<ObjectInfo>> list(const std::string& prefix, const std::string& after) const override {
    std::vector<ObjectInfo> found;
    const size_t slash = prefix.find_last_of('/');
    TRY(collect(slash == std::string::npos ? "" : prefix.substr(0, slash + 1), prefix, after, found));
    std::ranges::sort(found, {}, &ObjectInfo::key);
    return found;
  }

  Result<void> remove(const std::string& key) override {
    TRY(check_key(key));
    TRY(writable());
    const std::string path = join_path(options_.folder, key);
    const Result<FileInfo> about = files_.info(path);
    if (about && about->folder) return {};
    if (const auto removed = files_.remove(path); !removed && removed.error().code != Code::not_found) return removed;
    // Also where it is not there: an earlier try may have taken the name away, but not durably.
    const auto synced = files_.sync_folder(folder_of(path));
    return synced || synced.error().code == Code::not_found ? Result<void>() : synced;
  }

  std::string url() const override { return options_.folder; }

 private:
  Result<void> writable() const {
    return workplace_ ? Result<void>() : fail(Code::denied, options_.folder + ": opened to read");
  }

  Result<void> put_source(const std::string& key, const Source& source, IfThere if_there) {
    TRY(check_key(key));
    TRY(writable());
    const std::string temporary = workplace_->next();
    Result<void> done = write(temporary, source);
    if (done) done = give_name(temporary, join_path(options_.folder, key), if_there);
    if (!done) (void)files_.remove(temporary);  // else at the next opening
    return done;
  }

  Result<void> write(const std::string& path, const Source& source) {
    TRY_LET(auto file, files_.open(path, OpenMode::create));
    std::string buffer;
    for (uint64_t at = 0; at < source.size();) {
      const size_t count = std::min<uint64_t>(piece_bytes, source.size() - at);
      TRY_LET(const Bytes piece, source.piece(at, count, buffer));
      TRY(file->write_at(at, piece));
      at += count;
    }
    return file->sync();
  }

  Result<void> give_name(const std::string& temporary, const std::string& path, IfThere if_there) {
    const std::string folder = folder_of(path);
    std::lock_guard lock(names_);
    if (const auto settled = settle(folder); !settled) {
      if (settled.error().code != Code::conflict && settled.error().code != Code::not_found) return settled;
      return fail(Code::invalid, path + ": a part of its name is another object: " + settled.error().message);
    }
    if (const auto there = files_.info(path); there && there->folder)
      return fail(Code::invalid, path + ": is the folder of other objects");
    settled_.erase(folder);
    TRY(if_there == IfThere::conflict ? files_.rename_new(temporary, path) : files_.rename(temporary, path));
    TRY(files_.sync_folder(folder));
    settled_.insert(folder);
    return {};
  }

  // Makes the folder, its parents and the names in it durable, once; names_ is held. What is seen in a folder can be from a
  // put that died, or failed, before its sync: without this a loss of power could take back what somebody has relied on.
  Result<void> settle(const std::string& folder) const {
    if (settled_.contains(folder) && files_.info(folder)) return {};
    TRY(make_folder_durably(files_, folder));
    TRY(files_.sync_folder(folder));
    settled_.insert(folder);
    return {};
  }

  // `parent`: empty, or ends in '/'. What is no key is no object, `in progress` among it.
  Result<void> collect(const std::string& parent, const std::string& prefix, const std::string& after,
                       std::vector<ObjectInfo>& found) const {
    const auto names = files_.list(join_path(options_.folder, parent));
    if (!names && names.error().code == Code::not_found) return {};
    if (!names) return std::unexpected(names.error());
    for (const FileInfo& one : *names) {
      const std::string key = parent + one.name;
      if (!is_key(key)) continue;
      if (!one.folder) {
        if (key.starts_with(prefix) && key > after) found.push_back({.key = key, .bytes = one.size});
        continue;
      }
      const std::string folder = key + "/";
      const bool may_match = folder.starts_with(prefix) || prefix.starts_with(folder);
      // All below it stand together, behind `folder`: in front of `after` unless that begins with it or comes before it.
      if (may_match && (after < folder || after.starts_with(folder))) TRY(collect(folder, prefix, after, found));
    }
    return {};
  }

  const LocalObjectsOptions options_;
  Files& files_;
  const std::unique_ptr<Workplace> workplace_;  // null where opened to read
  mutable std::mutex names_;  // held while a name is given and made durable
  mutable std::set<std::string> settled_;
};

}  // namespace

Result<std::unique_ptr<Objects>> open_local_objects(LocalObjectsOptions options, Files& files) {
  while (options.folder.size() > 1 && options.folder.ends_with('/')) options.folder.pop_back();
  std::unique_ptr<Workplace> workplace;
  if (options.access == Access::read_write) {
    TRY(make_folder_durably(files, options.folder));
    TRY_LET(workplace, Workplace::open(options.folder, files));
  }
  return std::make_unique<LocalObjects>(std::move(options), files, std::move(workplace));
}

}  // namespace waybill::lake
