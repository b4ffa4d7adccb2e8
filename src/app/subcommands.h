// app/subcommands.h — what commands below a command share: settings first, then often a question to the process that serves.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/config_flags.h"
#include "app/serving.h"

namespace waybill::app {

using Run = std::function<int()>;  // gives the exit code

// The answer's text where it is 2xx; else invalid, with what the process that serves said.
Result<std::string> asked(const Config& config, Ask ask, const std::string& path, const std::string& body = {});
int print(const Result<std::string>& text);
Result<Config> config_of(const ConfigFlags& flags);

// A command below a command: what it does is chosen when the line is parsed.
void below(CLI::App& parent, const std::string& name, const std::string& help, const std::shared_ptr<Run>& chosen,
           const std::function<void(CLI::App&)>& add_flags, const std::function<int(const Config&)>& run);

}  // namespace waybill::app
