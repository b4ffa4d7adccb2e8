#include "base/environment.h"

#include <cstdlib>

namespace waybill {

std::optional<std::string> environment_variable(const std::string& name) {
  // Read before any thread starts; nothing in this process writes the environment.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace waybill
