// base/machine.h — what the machine is and allows: file systems, its clock's state, limits, who holds a lock.
//
// Failure: unavailable where the system does not say.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace waybill {

enum class Medium : uint8_t {
  disk,
  memory,
  network
};  // of a file system; what is not known to be another counts as disk

struct FileSystem {
  std::string kind;  // "ext4", "tmpfs", "nfs"; its number where the name is not known
  Medium medium = Medium::disk;
  uint64_t size_bytes = 0;
  uint64_t free_bytes = 0;  // for whoever is not root
};
Result<FileSystem> file_system_of(const std::string& path);

struct ClockState {
  bool synchronised = false;  // the kernel's word for it: by NTP or another source
  std::chrono::microseconds error_max{};  // how wrong it may be, where it is synchronised
};
Result<ClockState> clock_state();

struct Rights {
  uint32_t owner = 0;
  uint32_t mode = 0;  // rwxrwxrwx, as 0750
  bool folder = false;
};
Result<Rights> rights_of(const std::string& path);

struct MachineLimits {
  uint64_t open_files = 0;  // as many as a process may raise its limit to
  uint64_t memory_bytes = 0;  // of the machine, or of this process's control group where that is less
  uint64_t connections_waiting = 0;  // net.core.somaxconn
  uint32_t cores = 0;
};
MachineLimits machine_limits();  // 0 for what the system does not say

struct MachineKind {
  std::string processor;  // "AMD EPYC 7763 64-Core Processor"
  std::string kernel;  // "Linux 6.1.0-18-amd64"
};
MachineKind machine_kind();  // "unknown" for what the system does not say

// The process that holds the lock of Files::lock() on it.
Result<std::optional<uint64_t>> lock_holder(const std::string& path);

// Fails with the system's word: conflict where another socket has it, denied, invalid for an address that is none here.
Result<void> may_listen(const std::string& host, uint16_t port);

}  // namespace waybill
