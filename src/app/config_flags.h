// app/config_flags.h — the settings of app/config.h as flags of a command.
#pragma once

#include <map>
#include <string>

#include "app/config.h"

namespace CLI {
class App;
}

namespace waybill::app {

class ConfigFlags {
 public:
  // Fills its variables when the command line is parsed: it has to live until then.
  explicit ConfigFlags(CLI::App& command);
  Result<LoadedConfig> read() const;
  // The settings in effect; the log follows them from now on.
  Result<LoadedConfig> load() const;

 private:
  std::string file_;
  std::map<std::string, std::string> given_;
};

// Says why on standard error. The exit codes of every command: 0 done, 1 it did not work.
int failed(const Error& error);
int done(const Result<void>& result);

}  // namespace waybill::app
