#include "app/lake_process.h"

#include "app/lake_writer.h"
#include "app/name_key.h"
#include "app/version.h"
#include "base/log.h"
#include "base/process.h"
#include "base/supervisor.h"

namespace waybill::app {
namespace {

Result<void> check_that_it_is_wanted(const Config& config) {
  if (!config.lake_enabled) return fail(Code::invalid, "lake.enabled is false: there is no lake to write");
  if (config.lake_write)
    return fail(Code::invalid, "lake.write is true: waybill up writes the lake itself; set it to false for both");
  return {};
}

}  // namespace

Result<void> write_lake(const Config& config, const RoleFlags& flags, const std::stop_token& stop) {
  TRY(check_that_it_is_wanted(config));
  TRY_LET(const DataFolder folder, open_role_folder(config.data, lake_role, system_files()));
  const auto metrics = make_metrics();
  expose_process(*metrics, std::string(version()));
  TRY_LET(const auto journal, journal::follow_journal(folder.journal(), system_files()));
  TRY_LET(const auto erased, erased_names_of(config));
  LakeWriter lake(config, folder, *journal, system_clock(), *metrics, erased);
  TRY(lake.open());

  // Beyond this point nothing is opened.
  supervisor::tell_ready();
  log::info("writing the lake", {{"version", version()}, {"data", config.data}});
  const std::jthread telling = keep_telling_metrics(*metrics, flags);
  TRY(lake.run(stop));
  log::info("stopped");
  return {};
}

}  // namespace waybill::app
