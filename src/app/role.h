// app/role.h — what the processes of one role share, beside the process that serves the folder.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "app/config.h"
#include "base/metrics.h"

namespace CLI {
class App;
}

namespace waybill::app {

struct RoleFlags {
  std::string metrics_file;  // where metrics are written for Prometheus' textfile collector; empty: nowhere
};
void add_role_flags(CLI::App& command, RoleFlags& flags);

// Into the file, where one is named; what goes wrong is told in the log.
void tell_metrics(Metrics& metrics, const RoleFlags& flags);

// The exit code: with the log where the settings say, until the role ends or a signal asks it to.
int run_role(const Config& config, const std::function<Result<void>(const std::stop_token& stop)>& role);

}  // namespace waybill::app
