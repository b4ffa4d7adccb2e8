// app/role.h — what the processes of one role share, beside the process that serves the folder.
#pragma once

#include <stop_token>
#include <string>
#include <thread>

#include "app/subcommands.h"
#include "base/metrics.h"

namespace waybill::app {

struct RoleFlags {
  std::string metrics_file;  // where metrics are written for Prometheus' textfile collector; empty: nowhere
};
// Into the file, where one is named; what goes wrong is told in the log.
void tell_metrics(Metrics& metrics, const RoleFlags& flags);
// The same every few seconds, until it is asked to stop, and then once more.
std::jthread keep_telling_metrics(Metrics& metrics, const RoleFlags& flags);

using RunRole = Result<void> (*)(const Config& config, const RoleFlags& flags, const std::stop_token& stop);
void add_role_flags(CLI::App& command, RoleFlags& flags);
// With the log where the settings say, until it ends or a signal asks it to; the exit code.
int run_role(RunRole role, const Config& config, const RoleFlags& flags);
// A command below a command that is a role.
void add_role(CLI::App& parent, const std::string& name, const std::string& help, const std::shared_ptr<Run>& chosen,
              RunRole role);

}  // namespace waybill::app
