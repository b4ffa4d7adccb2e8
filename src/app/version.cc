#include "app/version.h"

#include "app/data_folder.h"

namespace waybill::app {

std::string_view version() { return WAYBILL_VERSION; }

std::string version_report() {
  return "waybill " + std::string(version()) + "\ndata format " + std::to_string(data_format) + "\n";
}

}  // namespace waybill::app
