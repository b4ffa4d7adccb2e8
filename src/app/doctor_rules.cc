#include "app/doctor_rules.h"

#include <algorithm>
#include <cstdio>

#include "app/wrapped.h"

namespace waybill::app {
namespace {

constexpr uint64_t mib = 1 << 20;
constexpr uint64_t store_files = 512;  // store/rocks/rocks.h, open_files_max
constexpr uint64_t other_files = 64;  // segments, logs, pools

Finding fine(std::string area, std::string found) {
  return {.mark = Mark::ok, .area = std::move(area), .found = std::move(found), .advice = {}};
}
Finding warn(std::string area, std::string found, std::string advice) {
  return {.mark = Mark::warning, .area = std::move(area), .found = std::move(found), .advice = std::move(advice)};
}
Finding problem(std::string area, std::string found, std::string advice) {
  return {.mark = Mark::problem, .area = std::move(area), .found = std::move(found), .advice = std::move(advice)};
}

std::string in_mib(uint64_t bytes) { return std::to_string(bytes / mib) + " MiB"; }

std::string in_ms(std::chrono::microseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g ms", static_cast<double>(time.count()) / 1e3);
  return text;
}

std::string octal(uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

}  // namespace

Finding judge_medium(const FileSystem& system, const std::string& folder) {
  const std::string found = folder + " is on " + system.kind;
  switch (system.medium) {
    case Medium::disk: return fine("file system", found);
    case Medium::memory:
      return problem("file system",
                     found + ", which is in memory: a restart of the machine loses what was acknowledged",
                     "set `data` to a folder on a disk");
    case Medium::network:
      return warn("file system",
                  found + ", which is on a network: a sync is as safe and as quick as the server behind it",
                  "prefer a local disk; on NFS mount with `hard,sync` and only from this machine");
  }
  return {};
}

Finding judge_space(const FileSystem& system, uint64_t journal_bytes, const Config& config) {
  constexpr uint64_t segments_ahead = 3;
  const uint64_t segment = config.journal_segment_mib * mib;
  // What the journal still takes until it stays at its size.
  const uint64_t full_size = config.journal_keep_mib * mib + segments_ahead * segment;
  const uint64_t to_come = full_size - std::min(full_size, journal_bytes);
  const std::string found = in_mib(system.free_bytes) + " free of " + in_mib(system.size_bytes);
  const std::string advice = "make room, or lower journal.keep_mib; without room every POST is answered 503";
  if (system.free_bytes < segments_ahead * segment) return problem("disk space", found, advice);
  if (system.free_bytes < to_come)
    return warn("disk space", found + ", but the journal will take " + in_mib(to_come) + " more", advice);
  constexpr uint64_t tenths_used_max = 8;
  if (system.size_bytes > 0 && system.free_bytes < system.size_bytes / 10 * (10 - tenths_used_max))
    return warn("disk space", found, "more than 80 % are used: make room before it is full");
  return fine("disk space", found);
}

Finding judge_speed(const SyncSpeed& speed) {
  using std::chrono::microseconds;
  constexpr microseconds too_quick{5};
  constexpr microseconds slow{20'000};
  constexpr microseconds slow_at_times{200'000};
  const std::string found = "write and sync of 4 KiB: p50 " + in_ms(speed.p50) + ", p99 " + in_ms(speed.p99);
  if (speed.p50 < too_quick)
    return warn("disk speed", found + "; no disk is as quick as that",
                "find out whether a sync reaches the disk: memory, or a controller that lies, keeps no promise");
  if (speed.p50 > slow || speed.p99 > slow_at_times)
    return warn("disk speed", found,
                "each answer to a phone waits for one sync: use a faster disk, or one that is not shared");
  return fine("disk speed", found);
}

Finding judge_clock(const ClockState& clock) {
  if (!clock.synchronised)
    return warn(
        "clock", "the system's clock is not synchronised",
        "run an NTP client (`timedatectl set-ntp true`, or chrony): a fix more than 5 min ahead of this clock is "
        "never shown as the last one");
  constexpr std::chrono::microseconds error_max{1'000'000};
  const std::string found = "synchronised, at most " + in_ms(clock.error_max) + " off";
  if (clock.error_max > error_max) return warn("clock", found, "look at what the NTP client says about its sources");
  return fine("clock", found);
}

Finding judge_jump(std::chrono::microseconds jump) {
  constexpr std::chrono::microseconds jump_max{100'000};
  if (std::chrono::abs(jump) > jump_max)
    return warn("clock steps", "the clock jumped by " + in_ms(jump) + " while we looked",
                "let the NTP client slew, not step; look for two programs that set the clock");
  return fine("clock steps", "none while we looked");
}

Finding judge_open_files(const MachineLimits& limits, const Config& config) {
  const uint64_t wanted = config.http_connections_max + store_files + other_files;
  const std::string found = std::to_string(limits.open_files) +
                            " files and sockets may be open; http.connections_max " +
                            std::to_string(config.http_connections_max) + " wants " + std::to_string(wanted);
  const std::string advice =
      "raise it (LimitNOFILE= of the unit, `ulimit -n` of the shell), or lower http.connections_max";
  if (limits.open_files >= wanted) return fine("open files", found);
  if (limits.open_files < store_files + 2 * other_files) return problem("open files", found, advice);
  return warn("open files", found, advice);
}

Finding judge_memory(const MachineLimits& limits, const Config& config) {
  constexpr uint64_t without_cache = 512 * mib;  // write buffers, bodies under way, connections
  const uint64_t wanted = config.store_cache_mib_max * mib + without_cache;
  if (limits.memory_bytes == 0) return warn("memory", "the system does not say how much there is", "look yourself");
  const std::string found = in_mib(limits.memory_bytes) + " for this process at most; it may want " + in_mib(wanted);
  if (limits.memory_bytes < wanted)
    return warn("memory", found, "lower store.cache_mib_max, or give the machine or its control group more");
  return fine("memory", found);
}

Finding judge_backlog(const MachineLimits& limits) {
  constexpr uint64_t enough = 1024;
  const std::string found = "net.core.somaxconn is " + std::to_string(limits.connections_waiting);
  if (limits.connections_waiting != 0 && limits.connections_waiting < enough)
    return warn("backlog", found + ": phones that come back all at once are turned away",
                "sysctl -w net.core.somaxconn=4096, and put it into /etc/sysctl.d/");
  return fine("backlog", found);
}

Finding judge_rights(const std::string& path, const Rights& rights, uint32_t user) {
  const std::string found = path + " is " + octal(rights.mode) + " of user " + std::to_string(rights.owner);
  constexpr uint32_t others_write = 0002;
  if ((rights.mode & others_write) != 0)
    return problem("folder rights", found + ": every user of this machine may write it", "chmod o-w " + path);
  if (user != 0 && rights.owner != user)
    return warn("folder rights", found + ", you are user " + std::to_string(user),
                "run doctor as the user that waybill runs as");
  return fine("folder rights", found);
}

Finding judge_secret(const std::string& path, const Rights& rights, uint32_t user) {
  const uint32_t wanted = rights.folder ? 0700 : 0600;
  const std::string found = path + " is " + octal(rights.mode) + " of user " + std::to_string(rights.owner);
  if ((rights.mode & ~wanted) != 0)
    return problem("keys", found + ": others may read it", "chmod " + octal(wanted) + " " + path);
  if (user != 0 && rights.owner != user) return problem("keys", found, "chown it to the user that waybill runs as");
  return fine("keys", found);
}

Finding judge_certificate(Time ends, Time now) {
  constexpr std::chrono::days soon{14};
  const auto left = std::chrono::floor<std::chrono::days>(ends - now);
  const std::string advice = "renew it, put it in place; SIGHUP makes waybill read it, or it does within two minutes";
  if (ends <= now) return problem("certificate", "it has ended; clients refuse it", advice);
  const std::string found = "good for " + std::to_string(left.count()) + " days more";
  return left < soon ? warn("certificate", found, advice) : fine("certificate", found);
}

std::vector<Finding> judge_settings(const Config& config, const MachineLimits& limits) {
  std::vector<Finding> findings;
  constexpr uint64_t segments_least = 3;
  const uint64_t budget = config.journal_disk_mib_max;
  const std::string budget_is = "journal.disk_mib_max is " + std::to_string(budget);
  if (budget != 0 && budget < segments_least * config.journal_segment_mib)
    findings.push_back(problem(
        "settings", budget_is + ", less than three segments of " + std::to_string(config.journal_segment_mib) + " MiB",
        "raise journal.disk_mib_max, or lower journal.segment_mib"));
  else if (budget != 0 && budget < config.journal_keep_mib + segments_least * config.journal_segment_mib)
    findings.push_back(warn("settings",
                            budget_is + ", too little for journal.keep_mib " + std::to_string(config.journal_keep_mib) +
                                " and three segments",
                            "lower journal.keep_mib: now the journal is emptied whenever the budget is reached"));
  if (!config.journal_sync)
    findings.push_back(problem("settings", "journal.sync is false: a power cut loses what was acknowledged",
                               "set journal.sync to true; false is for comparison only"));
  if (limits.cores != 0 && config.http_threads > limits.cores)
    findings.push_back(warn(
        "settings",
        "http.threads is " + std::to_string(config.http_threads) + " on " + std::to_string(limits.cores) + " cores",
        "lower http.threads; 1 is enough for one disk"));
  if (config.log_level == log::Level::off)
    findings.push_back(warn("settings", "log.level is off: nobody will know why something failed",
                            "set log.level to warning at least"));
  if (findings.empty()) findings.push_back(fine("settings", "their values go together"));
  return findings;
}

std::vector<std::string> lines_of(const Finding& finding) {
  constexpr size_t columns = 80;
  constexpr size_t indent = 25;
  constexpr const char* marks[] = {"ok", "warning", "PROBLEM"};
  std::string begin = marks[static_cast<size_t>(finding.mark)];
  begin.resize(9, ' ');
  begin += finding.area;
  begin.resize(indent, ' ');
  std::vector<std::string> lines;
  for (const std::string& line : wrapped(finding.found, columns - indent)) {
    lines.push_back(begin + line);
    begin.assign(indent, ' ');
  }
  begin = std::string(indent - 3, ' ') + "-> ";
  for (const std::string& line : wrapped(finding.advice, columns - indent)) {
    lines.push_back(begin + line);
    begin.assign(indent, ' ');
  }
  return lines;
}

std::string summary(const std::vector<Finding>& findings) {
  const auto count = [&](Mark mark, const std::string& one) {
    const auto many = std::ranges::count(findings, mark, &Finding::mark);
    return (many == 0 ? "no" : std::to_string(many)) + " " + one + (many == 1 ? "" : "s");
  };
  return count(Mark::problem, "problem") + ", " + count(Mark::warning, "warning");
}

}  // namespace waybill::app
