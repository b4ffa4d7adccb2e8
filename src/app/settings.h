// app/settings.h — the table of all settings: name, flag, variable, help, and how each stands in Config.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/config.h"

namespace waybill::app {

struct Setting {
  std::string name;  // in the file: "journal.keep_mib"
  std::string flag;  // "--journal-keep-mib"
  std::string variable;  // "WAYBILL_JOURNAL_KEEP_MIB"
  std::string expects;  // "a number of MiB"
  std::string help;
  std::function<bool(Config&, const std::string&)> set;  // false: not what it expects
  std::function<std::string(const Config&)> show;
};

const std::vector<Setting>& settings();

}  // namespace waybill::app
