#include "app/relay_process.h"

#include "app/transfer.h"
#include "app/version.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process.h"
#include "base/supervisor.h"

namespace waybill::app {
namespace {

constexpr std::chrono::milliseconds look_every{10};  // for what the journal's files have more

}  // namespace

Result<void> relay_journal(const Config& config, const RoleFlags& flags, const std::stop_token& stop) {
  if (config.broker_keeps)
    return fail(Code::invalid, "broker.keeps is true: what is in the topic is the journal, nobody hands it on");
  if (config.relay_enabled)
    return fail(Code::invalid,
                "relay.enabled is true: waybill up hands the journal on itself; set it to false for both");
  TRY_LET(const DataFolder folder, open_role_folder(config.data, relay_role, system_files()));
  const auto metrics = make_metrics();
  expose_process(*metrics, std::string(version()));
  TRY_LET(const auto journal, journal::follow_journal(folder.journal(), system_files()));
  Relaying relaying(
      config, folder, *journal,
      [](uint64_t, auto at_most, const auto& asked) {
        pause(std::min<std::chrono::milliseconds>(at_most, look_every), asked);
      },
      system_clock(), *metrics);
  TRY(relaying.open());

  // Beyond this point nothing is opened.
  supervisor::tell_ready();
  log::info("handing the journal on", {{"version", version()}, {"data", config.data}, {"topic", config.broker_topic}});
  const std::jthread telling = keep_telling_metrics(*metrics, flags);
  relaying.run(stop);
  log::info("stopped");
  return {};
}

}  // namespace waybill::app
