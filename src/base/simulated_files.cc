#include "base/simulated_files.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "base/simulated_content.h"

namespace waybill {
namespace {

using simulated::Content;
using simulated::Node;

using NodePointer = std::shared_ptr<Node>;  // shared by its name, its name on the disk and the files that have it open
using Names = std::map<std::string, NodePointer>;

std::string clean(std::string_view path) {
  std::string result = path.starts_with('/') ? "/" : "";
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    if (!part.empty() && part != ".") {
      if (!result.empty() && result.back() != '/') result += '/';
      result += part;
    }
    at = end + 1;
  }
  return result;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_root(const std::string& path) { return path.empty() || path == "/"; }

struct NameChange {
  enum class Kind { make, remove, rename } kind;
  std::string path;
  std::string to;
  NodePointer node;

  bool touches(const std::string& folder) const {
    return parent_of(path) == folder || (kind == Kind::rename && parent_of(to) == folder);
  }

  void apply(Names& names) const {
    switch (kind) {
      case Kind::make: names[path] = node; break;
      case Kind::remove: names.erase(path); break;
      case Kind::rename: {
        names.erase(path);
        names[to] = node;
        if (!node->folder) break;
        Names moved;
        const std::string prefix = path + "/";
        for (auto it = names.lower_bound(prefix); it != names.end() && it->first.starts_with(prefix);) {
          moved[to + it->first.substr(path.size())] = it->second;
          it = names.erase(it);
        }
        names.merge(moved);
        break;
      }
    }
  }
};

class Faults {
 public:
  Faults() = default;

  void fail_at(uint64_t n, Code code, Failing failing) {
    std::lock_guard lock(mutex_);
    count_ = 0;
    at_ = n;
    code_ = code;
    failing_ = failing;
    met_ = false;
  }
  void stop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  void clear() {
    std::lock_guard lock(mutex_);
    at_ = 0;
    stopped_ = false;
  }
  uint64_t count() const {
    std::lock_guard lock(mutex_);
    return count_;
  }
  bool met() const {
    std::lock_guard lock(mutex_);
    return met_;
  }
  Result<void> running(std::string_view doing, const std::string& path) const {
    std::lock_guard lock(mutex_);
    return running_locked(doing, path);
  }
  // Counts an operation that changes something; says whether it fails.
  Result<void> meet(std::string_view doing, const std::string& path) {
    std::lock_guard lock(mutex_);
    TRY(running_locked(doing, path));
    ++count_;
    if (at_ == 0 || count_ < at_ || (count_ > at_ && failing_ == Failing::once)) return {};
    met_ = true;
    return fail(code_, std::string(doing) + " " + path + ": made to fail");
  }

 private:
  Result<void> running_locked(std::string_view doing, const std::string& path) const {
    if (!stopped_) return {};
    return fail(Code::unavailable, std::string(doing) + " " + path + ": the power is off");
  }

  mutable std::mutex mutex_;
  uint64_t count_ = 0;
  uint64_t at_ = 0;
  Code code_ = Code::unavailable;
  Failing failing_ = Failing::once;
  bool met_ = false;
  bool stopped_ = false;
};

// What the files and the locks need of the disk they are on.
struct Disk {
  explicit Disk(uint64_t seed) : random(seed) {}

  Faults faults;
  std::atomic<uint64_t> used_bytes{0};
  std::atomic<uint64_t> capacity{std::numeric_limits<uint64_t>::max()};
  std::atomic<uint64_t> syncs{0};
  std::atomic<uint64_t> generation{0};  // grows with each crash

  std::mutex mutex;  // of what follows; never taken together with a Node's from inside one
  Names names;
  Names durable_names;
  std::vector<NameChange> name_changes;
  std::set<std::string> locked;
  std::shared_ptr<const std::function<void(const std::string&)>> stall;  // shared: it may be replaced while it runs

  std::mutex random_mutex;
  Random random;
};

class OneFile final : public File {
 public:
  OneFile(Disk& disk, NodePointer node, std::string path, OpenMode mode)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), mode_(mode), generation_(disk.generation) {}

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) const override {
    TRY(disk_.faults.running("read", path_));
    std::lock_guard lock(node_->mutex);
    TRY(alive("read"));
    if (offset >= node_->content.size()) return size_t{0};
    const size_t count = static_cast<size_t>(std::min<uint64_t>(into.size(), node_->content.size() - offset));
    node_->content.read(offset, into.first(count));
    return count;
  }

  Result<void> write_at(uint64_t offset, Bytes bytes) override {
    TRY(writable("write"));
    if (auto met = disk_.faults.meet("write", path_); !met) {
      write_part(offset, bytes);
      return met;
    }
    std::lock_guard lock(node_->mutex);
    TRY(alive("write"));
    const uint64_t fits = fitting(offset, bytes.size());
    node_->write(offset, bytes.first(fits));
    if (fits < bytes.size()) return fail(Code::overloaded, "write " + path_ + ": no space left on the simulated disk");
    return {};
  }

  Result<void> sync() override {
    std::shared_ptr<const std::function<void(const std::string&)>> stall;
    {
      std::lock_guard lock(disk_.mutex);
      stall = disk_.stall;
    }
    if (stall && *stall) (*stall)(path_);
    TRY(disk_.faults.running("sync", path_));
    auto met = disk_.faults.meet("sync", path_);
    std::lock_guard lock(node_->mutex);
    TRY(alive("sync"));
    if (!met) {
      std::lock_guard random_lock(disk_.random_mutex);
      node_->forget_some(disk_.random);
      return met;
    }
    node_->changes.clear();
    ++disk_.syncs;
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    TRY(writable("truncate"));
    TRY(disk_.faults.meet("truncate", path_));
    std::lock_guard lock(node_->mutex);
    TRY(alive("truncate"));
    const uint64_t before = node_->content.size();
    if (size > before && fitting(before, size - before) < size - before)
      return fail(Code::overloaded, "truncate " + path_ + ": no space left on the simulated disk");
    node_->truncate(size);
    return {};
  }

  Result<uint64_t> size() const override {
    TRY(disk_.faults.running("stat", path_));
    std::lock_guard lock(node_->mutex);
    TRY(alive("stat"));
    return node_->content.size();
  }

 private:
  Result<void> alive(std::string_view doing) const {
    if (generation_ != disk_.generation)
      return fail(Code::unavailable, std::string(doing) + " " + path_ + ": opened before the crash");
    return {};
  }
  Result<void> writable(std::string_view doing) const {
    if (mode_ == OpenMode::read) return fail(Code::denied, std::string(doing) + " " + path_ + ": opened for reading");
    return {};
  }
  uint64_t fitting(uint64_t offset, uint64_t count) const {
    const uint64_t size = node_->content.size();
    if (offset + count <= size) return count;
    const uint64_t used = disk_.used_bytes;
    const uint64_t capacity = disk_.capacity;
    const uint64_t end_max = capacity > used && capacity - used > std::numeric_limits<uint64_t>::max() - size
                                 ? std::numeric_limits<uint64_t>::max()
                                 : size + (capacity > used ? capacity - used : 0);
    return end_max <= offset ? 0 : std::min(count, end_max - offset);
  }
  void write_part(uint64_t offset, Bytes bytes) {
    uint64_t part = 0;
    {
      std::lock_guard random_lock(disk_.random_mutex);
      part = disk_.random.below(bytes.size() + 1);
    }
    if (!disk_.faults.running("write", path_)) return;
    std::lock_guard lock(node_->mutex);
    if (alive("write")) node_->write(offset, bytes.first(fitting(offset, part)));
  }

  Disk& disk_;
  NodePointer node_;
  std::string path_;
  OpenMode mode_;
  uint64_t generation_;  // of the process that opened it
};

class OneLock final : public FileLock {
 public:
  OneLock(Disk& disk, std::string path, uint64_t generation)
      : disk_(disk), path_(std::move(path)), generation_(generation) {}
  ~OneLock() override {
    std::lock_guard lock(disk_.mutex);
    if (disk_.generation == generation_) disk_.locked.erase(path_);
  }
  OneLock(const OneLock&) = delete;
  OneLock& operator=(const OneLock&) = delete;

 private:
  Disk& disk_;
  std::string path_;
  uint64_t generation_;
};

class MemoryFiles final : public SimulatedFiles {
 public:
  explicit MemoryFiles(uint64_t seed) : disk_(seed) {}

  Result<std::unique_ptr<File>> open(const std::string& given, OpenMode mode) override {
    const std::string path = clean(given);
    TRY(disk_.faults.running("open", path));
    std::lock_guard lock(disk_.mutex);
    NodePointer node = find(path);
    if (mode == OpenMode::create || mode == OpenMode::create_private) {
      if (node) return fail(Code::conflict, "open " + path + ": File exists");
      TRY_LET(node, make(path));
    }
    if (!node) return fail(Code::not_found, "open " + path + ": No such file or directory");
    if (node->folder) return fail(Code::unavailable, "open " + path + ": Is a directory");
    return std::make_unique<OneFile>(disk_, std::move(node), path, mode);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    return rename_where(from, to, Replace::yes);
  }
  Result<void> rename_new(const std::string& from, const std::string& to) override {
    return rename_where(from, to, Replace::no);
  }

  Result<void> remove(const std::string& given) override {
    const std::string path = clean(given);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.meet("remove", path));
    const NodePointer node = find(path);
    if (!node) return fail(Code::not_found, "remove " + path + ": No such file or directory");
    if (node->folder && has_children(path)) return fail(Code::conflict, "remove " + path + ": Directory not empty");
    change({.kind = NameChange::Kind::remove, .path = path, .to = {}, .node = node});
    return {};
  }

  Result<void> make_folder(const std::string& given) override {
    const std::string path = clean(given);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.running("make folder", path));
    std::vector<std::string> missing;
    for (std::string at = path; !is_root(at) && !is_folder(at); at = parent_of(at)) {
      if (find(at)) return fail(Code::conflict, "make folder " + at + ": a file is there");
      missing.push_back(at);
    }
    for (size_t i = missing.size(); i-- > 0;) {
      TRY(disk_.faults.meet("make folder", missing[i]));
      auto node = std::make_shared<Node>(disk_.used_bytes, true);
      change({.kind = NameChange::Kind::make, .path = missing[i], .to = {}, .node = std::move(node)});
    }
    return {};
  }

  Result<void> sync_folder(const std::string& given) override {
    const std::string path = clean(given);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.meet("sync folder", path));
    if (!is_folder(path)) return fail(Code::not_found, "sync folder " + path + ": No such file or directory");
    std::erase_if(disk_.name_changes, [&](const NameChange& one) {
      if (!one.touches(path)) return false;
      one.apply(disk_.durable_names);
      return true;
    });
    return {};
  }

  Result<std::vector<FileInfo>> list(const std::string& given) const override {
    const std::string path = clean(given);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.running("list", path));
    if (!is_folder(path)) return fail(Code::not_found, "list " + path + ": No such file or directory");
    const std::string prefix = is_root(path) ? path : path + "/";
    std::vector<FileInfo> found;
    for (auto it = disk_.names.lower_bound(prefix); it != disk_.names.end() && it->first.starts_with(prefix); ++it) {
      if (it->first.find('/', prefix.size()) == std::string::npos && it->first != prefix)
        found.push_back(about(it->first, *it->second));
    }
    std::ranges::sort(found, {}, &FileInfo::name);
    return found;
  }

  Result<FileInfo> info(const std::string& given) const override {
    const std::string path = clean(given);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.running("stat", path));
    if (is_root(path)) return FileInfo{.name = path, .size = 0, .folder = true};
    const NodePointer node = find(path);
    if (!node) return fail(Code::not_found, "stat " + path + ": No such file or directory");
    return about(path, *node);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& given) override {
    const std::string path = clean(given);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.running("lock", path));
    if (disk_.locked.contains(path)) return fail(Code::conflict, "lock " + path + ": held by another process");
    if (!find(path)) TRY(make(path));
    disk_.locked.insert(path);
    return std::make_unique<OneLock>(disk_, path, disk_.generation);
  }

  Result<uint64_t> free_bytes(const std::string& folder) const override {
    TRY(disk_.faults.running("statvfs", folder));
    const uint64_t used = disk_.used_bytes;
    const uint64_t capacity = disk_.capacity;
    return capacity > used ? capacity - used : 0;
  }

  void crash(uint64_t seed, Unsynced unsynced) override {
    std::lock_guard lock(disk_.mutex);
    // The death of a process alone changes nothing: what it did not sync is read on, and waits to be lost with the power.
    if (unsynced != Unsynced::kept) lose_power(seed, unsynced);
    disk_.locked.clear();
    ++disk_.generation;
    disk_.faults.clear();
  }

  void stop() override { disk_.faults.stop(); }
  void fail_at(uint64_t n, Code code, Failing failing) override { disk_.faults.fail_at(n, code, failing); }
  void fail_no_more() override { disk_.faults.clear(); }
  uint64_t operations() const override { return disk_.faults.count(); }
  bool has_failed() const override { return disk_.faults.met(); }
  void set_capacity(uint64_t bytes) override { disk_.capacity = bytes; }

  void flip_bit(const std::string& path, uint64_t byte, int bit) override {
    std::lock_guard lock(disk_.mutex);
    const NodePointer node = find(clean(path));
    CHECK(node != nullptr, "flip_bit wants a file that is there");
    std::lock_guard node_lock(node->mutex);
    CHECK(byte < node->content.size(), "flip_bit wants a byte that is there");
    std::string one = node->content.copy(byte, 1);
    one[0] = static_cast<char>(one[0] ^ (1 << bit));
    node->content.write(byte, as_bytes(one));
  }

  void before_sync(std::function<void(const std::string&)> stall) override {
    std::lock_guard lock(disk_.mutex);
    disk_.stall = std::make_shared<const std::function<void(const std::string&)>>(std::move(stall));
  }
  uint64_t syncs() const override { return disk_.syncs; }

 private:
  NodePointer find(const std::string& path) const {
    const auto it = disk_.names.find(path);
    return it == disk_.names.end() ? nullptr : it->second;
  }
  bool is_folder(const std::string& path) const {
    if (is_root(path)) return true;
    const NodePointer node = find(path);
    return node && node->folder;
  }
  bool has_children(const std::string& path) const {
    const auto it = disk_.names.lower_bound(path + "/");
    return it != disk_.names.end() && it->first.starts_with(path + "/");
  }
  enum class Replace { yes, no };
  Result<void> rename_where(const std::string& given_from, const std::string& given_to, Replace replace) {
    const std::string from = clean(given_from);
    const std::string to = clean(given_to);
    std::lock_guard lock(disk_.mutex);
    TRY(disk_.faults.meet("rename", from));
    const NodePointer node = find(from);
    if (!node || !is_folder(parent_of(to)))
      return fail(Code::not_found, "rename " + from + " to " + to + ": No such file or directory");
    const NodePointer target = find(to);
    if (target && (replace == Replace::no || target->folder != node->folder || (target->folder && has_children(to))))
      return fail(Code::conflict, "rename " + from + " to " + to + ": target is in the way");
    if (from != to) change({.kind = NameChange::Kind::rename, .path = from, .to = to, .node = node});
    return {};
  }
  static FileInfo about(const std::string& path, Node& node) {
    std::lock_guard lock(node.mutex);
    return {.name = path.substr(path.find_last_of('/') + 1), .size = node.content.size(), .folder = node.folder};
  }

  Result<NodePointer> make(const std::string& path) {
    TRY(disk_.faults.meet("create", path));
    if (!is_folder(parent_of(path))) return fail(Code::not_found, "open " + path + ": No such file or directory");
    auto node = std::make_shared<Node>(disk_.used_bytes, false);
    change({.kind = NameChange::Kind::make, .path = path, .to = {}, .node = node});
    return node;
  }

  void change(NameChange one) {
    one.apply(disk_.names);
    disk_.name_changes.push_back(std::move(one));
  }

  void lose_power(uint64_t seed, Unsynced unsynced) {
    Random random(seed);
    keep_names(random, unsynced);
    std::map<Node*, NodePointer> after;  // lost renames can leave a file under two names
    for (auto& [path, node] : disk_.durable_names) {
      NodePointer& one = after[node.get()];
      if (!one) one = reborn(*node, random, unsynced);
    }
    for (auto& [path, node] : disk_.durable_names) node = after[node.get()];
    disk_.names = disk_.durable_names;
    disk_.name_changes.clear();
  }

  // Journalled file systems keep the order of such changes, others do not: the seed says which one this is.
  void keep_names(Random& random, Unsynced unsynced) {
    const bool ordered = random.chance(0.5);
    const uint64_t kept = random.below(disk_.name_changes.size() + 1);
    for (uint64_t i = 0; i < disk_.name_changes.size(); ++i) {
      const bool survives = ordered ? i < kept : random.chance(0.5);
      if (unsynced != Unsynced::dropped && survives) disk_.name_changes[i].apply(disk_.durable_names);
    }
    // A folder sorts before what it holds, so one pass drops everything below a folder that is not there.
    for (auto it = disk_.durable_names.begin(); it != disk_.durable_names.end();) {
      const std::string folder = parent_of(it->first);
      it = is_root(folder) || disk_.durable_names.contains(folder) ? std::next(it) : disk_.durable_names.erase(it);
    }
  }

  NodePointer reborn(Node& before, Random& random, Unsynced unsynced) {
    auto after = std::make_shared<Node>(disk_.used_bytes, before.folder);
    std::lock_guard lock(before.mutex);
    disk_.used_bytes -= before.content.size();
    before.crash(random, unsynced);
    after->content = std::exchange(before.content, Content());
    disk_.used_bytes += after->content.size();
    return after;
  }

  mutable Disk disk_;
};

}  // namespace

std::unique_ptr<SimulatedFiles> make_simulated_files(uint64_t seed) { return std::make_unique<MemoryFiles>(seed); }

}  // namespace waybill
