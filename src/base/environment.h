// base/environment.h — environment variables; nobody else asks the system for them.
#pragma once

#include <optional>
#include <string>

namespace waybill {

std::optional<std::string> environment_variable(const std::string& name);

}  // namespace waybill
