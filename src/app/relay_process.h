// app/relay_process.h — the role of handing a journal on, as a process of its own beside the one that serves its data folder.
#pragma once

#include "app/role.h"

namespace waybill::app {

// Until stop is asked for. conflict: another process relays this folder. Failure: as Relaying.
Result<void> relay_journal(const Config& config, const RoleFlags& flags, const std::stop_token& stop);

}  // namespace waybill::app
