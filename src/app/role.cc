#include "app/role.h"

#include <CLI/CLI.hpp>

#include "app/config_flags.h"
#include "app/stop_signal.h"
#include "base/files.h"
#include "base/log.h"
#include "base/pause.h"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds tell_every{10};

}  // namespace

void tell_metrics(Metrics& metrics, const RoleFlags& flags) {
  if (flags.metrics_file.empty()) return;
  if (const auto told = write_file_atomically(system_files(), flags.metrics_file, metrics.expose()); !told)
    log::warning("the metrics cannot be written", {{"why", told.error().message}});
}

std::jthread keep_telling_metrics(Metrics& metrics, const RoleFlags& flags) {
  return std::jthread([&metrics, flags](const std::stop_token& asked) {
    for (; !asked.stop_requested(); pause(tell_every, asked)) tell_metrics(metrics, flags);
    tell_metrics(metrics, flags);
  });
}

void add_role_flags(CLI::App& command, RoleFlags& flags) {
  command.add_option("--metrics-file", flags.metrics_file,
                     "a file that gets its metrics from time to time, for Prometheus' textfile collector");
}

int run_role(RunRole role, const Config& config, const RoleFlags& flags) {
  const StopAtSignal stop;
  if (!config.log_file.empty())
    if (auto opened = log::to_file(config.log_file); !opened) return failed(opened.error());
  return done(role(config, flags, stop.token()));
}

void add_role(CLI::App& parent, const std::string& name, const std::string& help, const std::shared_ptr<Run>& chosen,
              RunRole role) {
  auto flags = std::make_shared<RoleFlags>();
  below(
      parent, name, help, chosen, [flags](CLI::App& command) { add_role_flags(command, *flags); },
      [flags, role](const Config& config) { return run_role(role, config, *flags); });
}

}  // namespace waybill::app
