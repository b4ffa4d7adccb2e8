#include "app/version.h"

#include "app/data_folder.h"

namespace waybill::app {

std::string_view version() { return WAYBILL_VERSION; }

std::string build_kind() {
  const std::string_view kind = WAYBILL_BUILD;
  const std::string_view sanitizers = WAYBILL_SANITIZERS;
  std::string text(kind.empty() ? "without a build type" : kind);
  if (!sanitizers.empty()) text.append(", sanitizers ").append(sanitizers);
  return text;
}

std::string version_report() {
  return "waybill " + std::string(version()) + "\ndata format " + std::to_string(data_format) + "\n";
}

}  // namespace waybill::app
