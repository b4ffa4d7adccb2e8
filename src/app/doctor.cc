#include "app/doctor.h"

#include <algorithm>
#include <cstdio>

#include "app/doctor_rules.h"
#include "app/http_client.h"
#include "app/serving.h"
#include "app/wiring.h"
#include "base/machine.h"
#include "base/process.h"
#include "ingest/books.h"

namespace waybill::app {
namespace {

class Report {
 public:
  void add(Finding finding) {
    for (const std::string& line : lines_of(finding)) std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    findings_.push_back(std::move(finding));
  }
  // What could not be found out.
  void add_unknown(const std::string& area, const Error& error) {
    add({.mark = Mark::warning,
         .area = area,
         .found = error.message,
         .advice = "look yourself: it could not be found out"});
  }
  bool end() const {
    std::printf("\n%s\n", summary(findings_).c_str());
    return std::ranges::find(findings_, Mark::problem, &Finding::mark) == findings_.end();
  }

 private:
  std::vector<Finding> findings_;
};

// The folder, or the nearest one above it that exists.
std::string nearest_folder(std::string path) {
  while (!system_files().info(path)) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
  return path;
}

uint64_t bytes_of(const std::string& folder) {
  uint64_t bytes = 0;
  if (const auto files = system_files().list(folder))
    for (const FileInfo& file : *files) bytes += file.size;
  return bytes;
}

void look_at_disk(Report& report, const Config& config, Clock& clock) {
  const std::string folder = nearest_folder(config.data);
  const auto system = file_system_of(folder);
  if (system) {
    report.add(judge_medium(*system, folder));
    report.add(judge_space(*system, bytes_of(join_path(config.data, "journal")), config));
  } else {
    report.add_unknown("file system", system.error());
  }
  const Time wall = clock.now();
  const auto steady = clock.steady();
  const auto speed = measure_sync(folder, clock);
  const auto jump = (clock.now() - wall) - std::chrono::duration_cast<Duration>(clock.steady() - steady);
  if (speed)
    report.add(judge_speed(*speed));
  else
    report.add({.mark = Mark::problem,
                .area = "disk speed",
                .found = speed.error().message,
                .advice = "let the user that waybill runs as write into the folder"});
  report.add(judge_jump(jump));
}

void look_at_machine(Report& report, const Config& config) {
  if (const auto state = clock_state())
    report.add(judge_clock(*state));
  else
    report.add_unknown("clock", state.error());
  const MachineLimits limits = machine_limits();
  report.add(judge_open_files(limits, config));
  report.add(judge_memory(limits, config));
  report.add(judge_backlog(limits));
}

std::optional<std::string> who_answers(const std::string& url) {
  const auto client = open_http_client({.url = url,
                                        .connect_timeout = std::chrono::milliseconds(2'000),
                                        .answer_timeout = std::chrono::milliseconds(2'000),
                                        .trust = {.whom = Trust::Whom::anybody}});
  if (!client) return std::nullopt;
  const auto answer = (*client)->get({.path = "/healthz"});
  if (!answer) return std::nullopt;
  return answer->status == 200 && answer->body == "ok\n" ? "a waybill" : "an HTTP server that is no waybill";
}

void look_at_port(Report& report, const Config& config) {
  const std::string area = "port";
  const Result<void> free = may_listen(config.host(), config.port());
  if (free) {
    report.add({.mark = Mark::ok, .area = area, .found = config.listen + " is free", .advice = {}});
    return;
  }
  const auto serving = serving_url(config.data);
  const bool ours = serving && serving->ends_with(':' + std::to_string(config.port())) && who_answers(*serving);
  if (free.error().code == Code::conflict && ours) {
    report.add({.mark = Mark::ok, .area = area, .found = "this folder's waybill serves " + *serving, .advice = {}});
    return;
  }
  std::string found = free.error().message;
  if (free.error().code == Code::conflict)
    if (const auto who = who_answers((config.tls_certificate.empty() ? "http://" : "https://") + config.listen))
      found += "; " + *who + " answers there";
  const bool port_taken = free.error().code == Code::conflict;
  report.add({.mark = Mark::problem,
              .area = area,
              .found = found,
              .advice = port_taken ? "stop what has it (`ss -ltnp` names it), or set `listen` to another port"
                                   : "set `listen` to an address of this machine and a port that may be used"});
}

// Where phones that were set to another server look for this one.
void look_at_phones_ports(Report& report, const Config& config) {
  for (const std::string& port : names_of(config.phones_ports)) {
    const Result<void> free = may_listen(config.host(), static_cast<uint16_t>(std::stoul(port)));
    const bool ours = !free && free.error().code == Code::conflict && serving_url(config.data);
    if (free || ours) continue;
    report.add({.mark = Mark::problem,
                .area = "phones",
                .found = "phones.ports: " + free.error().message,
                .advice = "stop what has it (`ss -ltnp` names it), or take it out of `phones.ports`"});
  }
}

void look_at_books(Report& report, const Config& config, const DataFolder& folder) {
  Files& files = system_files();
  const auto looked = [&]() -> Result<ingest::Balance> {
    TRY_LET(const auto store, open_store_to_read(config, folder));
    TRY_LET(const auto journal, journal::open_journal_reader(folder.journal(), files));
    TRY_LET(const ingest::Trimmed trimmed, ingest::read_trimmed(files, folder.trimmed()));
    return ingest::balance(*journal, *store, trimmed, ingest::Depth::ledgers);
  }();
  const std::string area = "books";
  if (!looked)
    report.add({.mark = Mark::problem,
                .area = area,
                .found = looked.error().message,
                .advice = "copy the folder before anything else; docs/OPERATIONS.md, When it does not start"});
  else if (!looked->balances())
    report.add({.mark = Mark::problem,
                .area = area,
                .found = "they differ in " + std::to_string(looked->differences.size()) + " ranges",
                .advice = "copy the folder, then `waybill verify --deep --data " + config.data + "` names the ranges"});
  else
    report.add({.mark = Mark::ok,
                .area = area,
                .found = "they balance over " + std::to_string(looked->store_end) + " records",
                .advice = {}});
}

// The folder of keys and what is in it: each that others could read.
void look_at_keys(Report& report, const std::string& folder) {
  std::vector<std::string> paths{folder};
  const auto files = system_files().list(folder);
  if (!files && files.error().code == Code::not_found) return;
  if (!files) return report.add_unknown("keys", files.error());
  for (const FileInfo& file : *files) paths.push_back(join_path(folder, file.name));
  bool all_well = true;
  for (const std::string& path : paths) {
    const auto rights = rights_of(path);
    if (!rights) continue;  // it went away meanwhile
    Finding finding = judge_secret(path, *rights, user_id());
    if (finding.mark == Mark::ok) continue;
    all_well = false;
    report.add(std::move(finding));
  }
  if (all_well)
    report.add(
        {.mark = Mark::ok, .area = "keys", .found = folder + " and its files are their owner's only", .advice = {}});
}

// What the server would say about its certificate and key at its start, and when the certificate ends.
void look_at_certificate(Report& report, const Config& config, Clock& clock) {
  if (config.tls_certificate.empty() && config.tls_key.empty()) return;
  const auto metrics = make_metrics();
  if (const auto tls = open_tls_of(config, *metrics); !tls)
    report.add({.mark = Mark::problem,
                .area = "certificate",
                .found = tls.error().message,
                .advice = "correct tls.certificate and tls.key; docs/OPERATIONS.md, TLS"});
  else
    report.add(judge_certificate(
        at_us(
            static_cast<int64_t>(metrics->gauge("waybill_tls_certificate_expiry_timestamp_seconds", "").value() * 1e6)),
        clock.now()));
}

void look_at_folder(Report& report, const Config& config) {
  const std::string area = "folder";
  Files& files = system_files();
  if (!files.info(config.data)) {
    report.add({.mark = Mark::ok,
                .area = area,
                .found = config.data + " is not there yet; the first start makes it",
                .advice = {}});
    return;
  }
  if (const auto rights = rights_of(config.data)) report.add(judge_rights(config.data, *rights, user_id()));
  const auto folder = look_into_data_folder(config.data, files);
  if (!folder) {
    const auto content = files.list(config.data);
    const bool empty = folder.error().code == Code::not_found && content && content->empty();
    report.add({.mark = empty ? Mark::ok : Mark::problem,
                .area = area,
                .found = empty ? config.data + " is empty; the first start fills it" : folder.error().message,
                .advice = empty ? "" : "set `data` to a folder of waybill's own"});
    return;
  }
  report.add(
      {.mark = Mark::ok, .area = area, .found = config.data + " is of a format that this waybill knows", .advice = {}});
  if (const auto holder = lock_holder(join_path(config.data, "LOCK")))
    report.add({.mark = Mark::ok,
                .area = "lock",
                .found = *holder ? "process " + std::to_string(**holder) + " writes the folder"
                                 : "no process writes the folder",
                .advice = {}});
  look_at_books(report, config, *folder);
}

}  // namespace

bool run_doctor(const Result<LoadedConfig>& loaded, Clock& clock) {
  Report report;
  if (!loaded) {
    report.add({.mark = Mark::problem,
                .area = "settings",
                .found = loaded.error().message,
                .advice = "correct it; folder, disk and port are looked at when the settings can be read"});
    look_at_machine(report, Config());
    return report.end();
  }
  const Config& config = loaded->config;
  for (Finding& finding : judge_settings(config, machine_limits())) report.add(std::move(finding));
  look_at_machine(report, config);
  look_at_disk(report, config, clock);
  look_at_port(report, config);
  look_at_phones_ports(report, config);
  look_at_certificate(report, config, clock);
  look_at_keys(report, config.keys_folder());
  look_at_folder(report, config);
  return report.end();
}

}  // namespace waybill::app
