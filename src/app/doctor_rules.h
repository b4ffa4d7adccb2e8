// app/doctor_rules.h — what `waybill doctor` thinks of what it measured: pure functions from facts to findings.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/sync_speed.h"
#include "base/machine.h"

namespace waybill::app {

enum class Mark : uint8_t {
  ok,
  warning,  // it runs, but not as it could
  problem,  // it does not start, or does not keep what it promises
};

struct Finding {
  Mark mark = Mark::ok;
  std::string area;  // "disk speed"
  std::string found;
  std::string advice;  // what to do; empty where all is well

  bool operator==(const Finding&) const = default;
};

Finding judge_medium(const FileSystem& system, const std::string& folder);
Finding judge_space(const FileSystem& system, uint64_t journal_bytes, const Config& config);
Finding judge_speed(const SyncSpeed& speed);
Finding judge_clock(const ClockState& clock);
Finding judge_jump(std::chrono::microseconds jump);  // of the wall clock against the steady one, while we looked
Finding judge_open_files(const MachineLimits& limits, const Config& config);
Finding judge_memory(const MachineLimits& limits, const Config& config);
Finding judge_backlog(const MachineLimits& limits);
Finding judge_rights(const std::string& path, const Rights& rights, uint32_t user);
Finding judge_secret(const std::string& path, const Rights& rights, uint32_t user);  // a key, or the folder of keys
Finding judge_certificate(Time ends, Time now);
std::vector<Finding> judge_settings(const Config& config,
                                    const MachineLimits& limits);  // values that make no sense together

// The lines of one finding, of at most 80 columns.
std::vector<std::string> lines_of(const Finding& finding);
// "no problems, 2 warnings"
std::string summary(const std::vector<Finding>& findings);

}  // namespace waybill::app
