// store/live_files.h — the files that a store stands on at one moment, for a backup.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace waybill::store {

struct LiveFile {
  std::string name;  // in the store's folder
  uint64_t bytes = 0;  // from its start on; it may grow behind them
  std::optional<uint32_t> crc32c;  // where the store knows it: such a file is never written to again
  std::optional<std::string> content;  // instead of the file's
};

// While it lives none of the files is removed. Together they are the store as it was at its last flush or later.
class LiveFiles {
 public:
  virtual ~LiveFiles() = default;
  virtual const std::vector<LiveFile>& files() const = 0;
};

// Threads: any, also beside put() and flush().
using HoldLiveFiles = std::function<Result<std::unique_ptr<LiveFiles>>()>;

}  // namespace waybill::store
