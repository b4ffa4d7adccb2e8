// base/environment.h — environment variables and limits of the process; nobody else asks the system for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace waybill {

std::optional<std::string> environment_variable(const std::string& name);

// Takes as many open files as the system lets this process have, and says how many that is.
uint64_t raise_open_files();

}  // namespace waybill
