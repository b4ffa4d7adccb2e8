// app/platform.h — the roles that serve: the API with its journal and store, and the whole platform around it.
#pragma once

#include <stop_token>

#include "app/config.h"
#include "app/reload.h"

namespace waybill::app {

enum class Demo { no, yes };  // yes: simulated couriers drive through the HTTP API

// yes: its journal is another's, which a broker hands on. It takes nothing in, says of no order that it is silent, tells no webhook.
// from_copy: the folder is a copy of the one that is followed.
enum class Follow { no, yes, from_copy };

struct PlatformOptions {
  Config config;
  Demo demo = Demo::no;
  Follow follow = Follow::no;
  Reload reload;
};

// Until stop is asked for: then no new requests, the running ones finish, what is accepted is put and made durable.
// Failure: what cannot be opened, before anything is served; a failed sync while serving (what was not acknowledged may be lost,
//          what was is kept).
Result<void> run_platform(const PlatformOptions& options, std::stop_token stop);

}  // namespace waybill::app
