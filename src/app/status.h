// app/status.h — `waybill status`: how the running platform is, or what its folder says where none runs; once, or live.
#pragma once

#include <stop_token>
#include <string>

#include "app/config.h"
#include "app/http_client.h"
#include "base/clock.h"

namespace waybill::app {

enum class Watch : uint8_t { once, live };
enum class Form : uint8_t { text, json };

struct StatusOptions {
  Config config;
  std::string url;  // of a running waybill; empty: the one that serves config.data, or the folder itself
  std::string bearer;  // sent to the URL, where not empty; beside its folder it signs itself
  Trust trust;  // for the URL
  Watch watch = Watch::live;  // live: drawn over itself every second until stop
  Form form = Form::text;
};

// Live only where standard output is a terminal and JSON was not asked for.
Watch watch_of_standard_output(Form form);

// To standard output; true when what it saw last was ready. Changes nothing anywhere.
// Failure: not_found where there is neither a process nor a folder; unavailable where the URL does not answer, once.
Result<bool> run_status(const StatusOptions& options, Clock& clock, std::stop_token stop);

}  // namespace waybill::app
