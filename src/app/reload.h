// app/reload.h — what is read again while the process serves: certificate and key, log.level and log.format, the log file.
//
// Failure: what cannot be read or makes no sense is told in the log, and what was in use stays in use.
// Threads: ask() from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>

#include "app/config.h"
#include "serve/tls.h"

namespace waybill::app {

// Where a wish to reload waits until somebody looks; several become one.
class ReloadRequests {
 public:
  void ask();
  enum class Woke { asked, in_time, stopped };
  Woke wait(std::chrono::milliseconds at_most, std::stop_token stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool asked_ = false;
};

inline constexpr std::chrono::minutes files_looked_at_every{1};

struct Reload {
  ReloadRequests& requests;
  std::function<Result<Config>()> read_config;  // as a new start would find it
  std::chrono::milliseconds look_every = files_looked_at_every;  // whether certificate and key were replaced
};

// Until stop. `running`: what the process was started with; a setting that differs and wants a restart is named in the log.
void keep_reloading(const Reload& reload, const Config& running, serve::Tls* tls, std::stop_token stop);

}  // namespace waybill::app
