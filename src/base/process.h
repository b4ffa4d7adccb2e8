// base/process.h — what the system says of this process: memory, open files, time used.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"

namespace waybill {

struct ProcessUse {
  uint64_t resident_bytes = 0;
  uint64_t open_files = 0;
  uint64_t open_files_max = 0;  // the limit that it runs under
  double cpu_seconds = 0;
  double started_at_s = 0;  // since 1970
};

Result<ProcessUse> process_use();
Duration process_cpu_time();  // of all its threads, to the microsecond

uint64_t process_id();
uint32_t user_id();  // the one whose rights count

// For the rest of its life the calling thread, and the threads that it starts, run after those that wait for the same
// cores: by `steps` of nice. Where the system does not do it, nothing changes.
void let_others_run_first(int steps);

// As top -H, gdb and bench/ show the calling thread, at most 15 bytes. Threads that it starts later have it too.
void name_this_thread(const std::string& name);

// process_resident_memory_bytes, process_open_fds, process_max_fds, process_cpu_seconds_total, process_start_time_seconds as
// every Prometheus client names them, and waybill_build_info{version}; measured anew whenever they are asked for.
void expose_process(Metrics& metrics, const std::string& version);

}  // namespace waybill
