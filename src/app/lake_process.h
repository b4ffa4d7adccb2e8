// app/lake_process.h — `waybill lake write`: writes the lake of a data folder in a process of its own, beside the one that serves it.
//
// Order:    it follows the journal's files, so it needs the data folder and nothing of that process, which needs of it the lake's catalog
//           only: by that it knows what it may trim, and how an erasure stands.
// Failure:  as app/lake_writer.h; conflict where another process has the role.
#pragma once

#include <stop_token>

#include "app/config.h"
#include "app/role.h"

namespace waybill::app {

// Until stop is asked for.
Result<void> write_lake(const Config& config, const RoleFlags& flags, const std::stop_token& stop);

}  // namespace waybill::app
