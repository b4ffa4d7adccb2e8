#include "base/process.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace waybill {
namespace {

// A file of /proc: its size is not known before it is read.
Result<std::string> read_proc(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) return fail(Code::unavailable, "read " + path + ": it is not there or may not be read");
  return content.str();
}

// Seconds since 1970 at which the machine started.
Result<double> booted_at_s() {
  TRY_LET(const std::string stat, read_proc("/proc/stat"));
  const size_t at = stat.find("\nbtime ");
  if (at == std::string::npos) return fail(Code::unavailable, "read /proc/stat: it has no btime");
  return std::stod(stat.substr(at + 7, 20));
}

// Clock ticks after the machine's start at which this process began: the 22nd word, the 20th behind the name in brackets.
Result<double> start_ticks() {
  TRY_LET(const std::string stat, read_proc("/proc/self/stat"));
  std::istringstream words(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  std::string word;
  constexpr int place = 20;
  for (int i = 0; i < place && words; ++i) words >> word;
  if (!words) return fail(Code::unavailable, "read /proc/self/stat: it is too short");
  return std::stod(word);
}

uint64_t count_open_files() {
  std::error_code error;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error))
    ++count;
  return count == 0 ? 0 : count - 1;  // without the one that counts
}

}  // namespace

// Linux keeps a nice value for each thread, whatever POSIX says of processes.
void let_others_run_first(int steps) {
  const auto thread = static_cast<id_t>(::gettid());
  errno = 0;
  const int now = ::getpriority(PRIO_PROCESS, thread);
  if (errno == 0) ::setpriority(PRIO_PROCESS, thread, now + steps);
}

void name_this_thread(const std::string& name) { ::pthread_setname_np(::pthread_self(), name.c_str()); }

uint64_t process_id() { return static_cast<uint64_t>(::getpid()); }

uint32_t user_id() { return ::geteuid(); }

Duration process_cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(used.tv_sec) +
                                              std::chrono::nanoseconds(used.tv_nsec));
}

Result<ProcessUse> process_use() {
  ProcessUse use;
  TRY_LET(const std::string statm, read_proc("/proc/self/statm"));
  std::istringstream pages(statm);
  uint64_t all = 0;
  uint64_t resident = 0;
  if (!(pages >> all >> resident)) return fail(Code::unavailable, "read /proc/self/statm: it is too short");
  use.resident_bytes = resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  use.open_files = count_open_files();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) use.open_files_max = limit.rlim_cur;
  use.cpu_seconds = std::chrono::duration<double>(process_cpu_time()).count();
  TRY_LET(const double booted, booted_at_s());
  TRY_LET(const double ticks, start_ticks());
  use.started_at_s = booted + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return use;
}

void expose_process(Metrics& metrics, const std::string& version) {
  metrics.gauge("waybill_build_info", "1; which waybill runs", {{"version", version}}).set(1);
  Gauge& resident = metrics.gauge("process_resident_memory_bytes", "memory that is in use");
  Gauge& files = metrics.gauge("process_open_fds", "files and sockets that are open");
  Gauge& files_max = metrics.gauge("process_max_fds", "files and sockets that may be open");
  Gauge& cpu = metrics.gauge("process_cpu_seconds_total", "processor time used");
  Gauge& started = metrics.gauge("process_start_time_seconds", "when the process began, in seconds since 1970");
  metrics.before_expose([&resident, &files, &files_max, &cpu, &started] {
    const Result<ProcessUse> use = process_use();
    if (!use) return;  // a system without /proc: the numbers stay 0
    resident.set(static_cast<double>(use->resident_bytes));
    files.set(static_cast<double>(use->open_files));
    files_max.set(static_cast<double>(use->open_files_max));
    cpu.set(use->cpu_seconds);
    started.set(use->started_at_s);
  });
}

}  // namespace waybill
