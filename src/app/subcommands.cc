#include "app/subcommands.h"

#include <CLI/CLI.hpp>

#include <cstdio>

namespace waybill::app {

Result<std::string> asked(const Config& config, Ask ask, const std::string& path, const std::string& body) {
  TRY_LET(HttpAnswer answer, call_serving(config, ask, path, body));
  if (verdict_of(answer.status) == Verdict::taken) return std::move(answer.body);
  return fail(Code::invalid, "the process that serves " + config.data + " answers " + std::to_string(answer.status) +
                                 ": " + answer.body);
}

int print(const Result<std::string>& text) {
  if (!text) return failed(text.error());
  std::printf("%s\n", text->c_str());
  return 0;
}

Result<Config> config_of(const ConfigFlags& flags) {
  TRY_LET(LoadedConfig loaded, flags.load());
  return std::move(loaded.config);
}

void below(CLI::App& parent, const std::string& name, const std::string& help, const std::shared_ptr<Run>& chosen,
           const std::function<void(CLI::App&)>& add_flags, const std::function<int(const Config&)>& run) {
  CLI::App* command = parent.add_subcommand(name, help);
  const auto flags = std::make_shared<ConfigFlags>(*command);
  add_flags(*command);
  command->callback([chosen, flags, run] {
    *chosen = [flags, run] {
      const auto config = config_of(*flags);
      return config ? run(*config) : failed(config.error());
    };
  });
}

}  // namespace waybill::app
