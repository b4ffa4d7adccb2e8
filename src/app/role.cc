#include "app/role.h"

#include <CLI/CLI.hpp>

#include "app/config_flags.h"
#include "app/stop_signal.h"
#include "base/files.h"
#include "base/log.h"

namespace waybill::app {

void add_role_flags(CLI::App& command, RoleFlags& flags) {
  command.add_option("--metrics-file", flags.metrics_file,
                     "a file that gets its metrics from time to time, for Prometheus' textfile collector");
}

void tell_metrics(Metrics& metrics, const RoleFlags& flags) {
  if (flags.metrics_file.empty()) return;
  if (const auto told = write_file_atomically(system_files(), flags.metrics_file, metrics.expose()); !told)
    log::warning("the metrics cannot be written", {{"why", told.error().message}});
}

int run_role(const Config& config, const std::function<Result<void>(const std::stop_token& stop)>& role) {
  const StopAtSignal stop;
  if (!config.log_file.empty())
    if (auto opened = log::to_file(config.log_file); !opened) return failed(opened.error());
  return done(role(stop.token()));
}

}  // namespace waybill::app
