#include "app/role.h"

#include <CLI/CLI.hpp>

#include "app/config_flags.h"
#include "app/stop_signal.h"
#include "base/files.h"
#include "base/log.h"

namespace waybill::app {

void tell_metrics(Metrics& metrics, const RoleFlags& flags) {
  if (flags.metrics_file.empty()) return;
  if (const auto told = write_file_atomically(system_files(), flags.metrics_file, metrics.expose()); !told)
    log::warning("the metrics cannot be written", {{"why", told.error().message}});
}

void add_role(CLI::App& parent, const std::string& name, const std::string& help, const std::shared_ptr<Run>& chosen,
              RunRole role) {
  auto flags = std::make_shared<RoleFlags>();
  below(
      parent, name, help, chosen,
      [flags](CLI::App& command) {
        command.add_option("--metrics-file", flags->metrics_file,
                           "a file that gets its metrics from time to time, for Prometheus' textfile collector");
      },
      [flags, role](const Config& config) {
        const StopAtSignal stop;
        if (!config.log_file.empty())
          if (auto opened = log::to_file(config.log_file); !opened) return failed(opened.error());
        return done(role(config, *flags, stop.token()));
      });
}

}  // namespace waybill::app
