// app/backup_commands.h — `waybill backup` and `waybill restore`.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "app/config.h"

namespace waybill::app {

struct BackupOptions {
  std::string to;
  uint64_t keep = 7;
};

// The process that holds the data folder makes the backup, which goes on there when this one is stopped; where none does, this
// one makes it. Says on standard output what was done.
Result<void> run_backup(const Config& config, const BackupOptions& options, std::stop_token stop);

// Into config.data. corrupt where the backup is damaged or the books of the result do not balance: it is no data folder then.
Result<void> run_restore(const Config& config, const std::string& from, std::optional<uint64_t> generation);

}  // namespace waybill::app
