#include "base/machine.h"

#include <arpa/inet.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <thread>

namespace waybill {
namespace {

std::unexpected<Error> system_error(const std::string& doing, int error) {
  Code code = Code::unavailable;
  if (error == ENOENT || error == ENOTDIR) code = Code::not_found;
  if (error == EACCES || error == EPERM) code = Code::denied;
  if (error == EADDRINUSE) code = Code::conflict;
  if (error == EADDRNOTAVAIL) code = Code::invalid;
  return fail(code, doing + ": " + std::strerror(error));
}

struct KnownKind {
  uint64_t magic;
  const char* name;
  Medium medium;
};
constexpr uint64_t xfs_magic = 0x58465342;
constexpr uint64_t zfs_magic = 0x2fc12fc1;
constexpr uint64_t cifs_magic = 0xff534d42;
constexpr KnownKind known_kinds[] = {
    {EXT4_SUPER_MAGIC, "ext4", Medium::disk},
    {xfs_magic, "xfs", Medium::disk},
    {BTRFS_SUPER_MAGIC, "btrfs", Medium::disk},
    {F2FS_SUPER_MAGIC, "f2fs", Medium::disk},
    {zfs_magic, "zfs", Medium::disk},
    {OVERLAYFS_SUPER_MAGIC, "overlayfs", Medium::disk},
    {TMPFS_MAGIC, "tmpfs", Medium::memory},
    {RAMFS_MAGIC, "ramfs", Medium::memory},
    {NFS_SUPER_MAGIC, "nfs", Medium::network},
    {cifs_magic, "cifs", Medium::network},
    {SMB2_SUPER_MAGIC, "smb2", Medium::network},
    {CEPH_SUPER_MAGIC, "ceph", Medium::network},
    {FUSE_SUPER_MAGIC, "fuse", Medium::disk},
    {AFS_SUPER_MAGIC, "afs", Medium::network},
    {V9FS_MAGIC, "9p", Medium::network},
};

// The number in a file of the system; nothing where there is none ("max").
std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

uint64_t memory_bytes() {
  const auto pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  uint64_t bytes = pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const auto limit = number_in(path)) bytes = std::min(bytes, *limit);
  return bytes;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> address_of(const std::string& host, uint16_t port) {
  Address address;
  if (auto* four = reinterpret_cast<sockaddr_in*>(&address.storage);
      ::inet_pton(AF_INET, host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    address.size = sizeof *four;
    return address;
  }
  if (auto* six = reinterpret_cast<sockaddr_in6*>(&address.storage);
      ::inet_pton(AF_INET6, host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    address.size = sizeof *six;
    return address;
  }
  return std::nullopt;
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<FileSystem> file_system_of(const std::string& path) {
  struct statfs about{};
  if (::statfs(path.c_str(), &about) != 0) return system_error("statfs " + path, errno);
  // f_type is signed and as wide as the machine: the magic is in its lower half.
  const auto magic = static_cast<uint64_t>(static_cast<uint32_t>(about.f_type));
  FileSystem system{.kind = "type " + std::to_string(magic)};
  if (const auto* known = std::ranges::find(known_kinds, magic, &KnownKind::magic); known != std::end(known_kinds)) {
    system.kind = known->name;
    system.medium = known->medium;
  }
  const auto block = static_cast<uint64_t>(about.f_frsize);
  system.size_bytes = about.f_blocks * block;
  system.free_bytes = about.f_bavail * block;
  return system;
}

Result<ClockState> clock_state() {
  timex state{};  // modes 0: only asks
  const int said = ::adjtimex(&state);
  if (said < 0) return system_error("adjtimex", errno);
  return ClockState{.synchronised = said != TIME_ERROR && (state.status & STA_UNSYNC) == 0,
                    .error_max = std::chrono::microseconds(state.maxerror)};
}

Result<Rights> rights_of(const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return system_error("stat " + path, errno);
  constexpr uint32_t permissions = 0777;
  return Rights{.owner = about.st_uid, .mode = about.st_mode & permissions, .folder = S_ISDIR(about.st_mode)};
}

MachineLimits machine_limits() {
  MachineLimits limits;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) limits.open_files = files.rlim_max;
  limits.memory_bytes = memory_bytes();
  limits.connections_waiting = number_in("/proc/sys/net/core/somaxconn").value_or(0);
  limits.cores = std::thread::hardware_concurrency();
  return limits;
}

MachineKind machine_kind() {
  MachineKind kind{.processor = "unknown", .kernel = "unknown"};
  if (utsname about{}; ::uname(&about) == 0) kind.kernel = std::string(about.sysname) + ' ' + about.release;
  std::ifstream processors("/proc/cpuinfo");
  for (std::string line; std::getline(processors, line);) {
    const size_t colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    kind.processor = line.substr(colon + 2);
    break;
  }
  return kind;
}

Result<std::optional<uint64_t>> lock_holder(const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return system_error("stat " + path, errno);
  // "1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF"
  std::ifstream locks("/proc/locks");
  if (!locks) return fail(Code::unavailable, "read /proc/locks: it is not there or may not be read");
  const std::string inode = ':' + std::to_string(about.st_ino);
  std::string number;
  std::string kind;
  std::string how;
  std::string access;
  std::string place;
  int64_t process = 0;
  while (locks >> number >> kind >> how >> access >> process >> place) {
    if (kind == "FLOCK" && place.ends_with(inode)) return static_cast<uint64_t>(std::max<int64_t>(0, process));
    locks.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

Result<void> may_listen(const std::string& host, uint16_t port) {
  const std::string doing = "listen on " + host + " port " + std::to_string(port);
  const auto address = address_of(host, port);
  if (!address) return fail(Code::invalid, doing + ": it is not an IP address");
  const Socket socket(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return system_error(doing, errno);
  // As the server does it: what an ended one left behind in the kernel does not count.
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size) != 0)
    return system_error(doing, errno);
  if (::listen(socket.get(), 1) != 0) return system_error(doing, errno);
  return {};
}

}  // namespace waybill
