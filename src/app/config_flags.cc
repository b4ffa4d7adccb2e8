#include "app/config_flags.h"

#include <CLI/CLI.hpp>

#include <cstdio>

#include "app/settings.h"

namespace waybill::app {

ConfigFlags::ConfigFlags(CLI::App& command) {
  command.add_option("--config", file_,
                     "settings file (TOML); waybill.toml of the working folder where it is not given");
  for (const Setting& setting : settings())
    command.add_option(setting.flag, given_[setting.name], setting.help + " (" + setting.expects + ")")
        ->group("Settings")
        ->type_name("");
}

Result<LoadedConfig> ConfigFlags::read() const {
  std::map<std::string, std::string> flags;
  for (const auto& [name, value] : given_)
    if (!value.empty()) flags[name] = value;
  return load_config(file_, flags);
}

Result<LoadedConfig> ConfigFlags::load() const {
  TRY_LET(LoadedConfig loaded, read());
  log::configure(loaded.config.log_level, loaded.config.log_format);
  return loaded;
}

int failed(const Error& error) {
  std::fprintf(stderr, "waybill: %s\n", error.message.c_str());
  return 1;
}

int done(const Result<void>& result) { return result ? 0 : failed(result.error()); }

}  // namespace waybill::app
