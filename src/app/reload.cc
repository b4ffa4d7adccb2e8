#include "app/reload.h"

#include <algorithm>
#include <array>

#include "app/settings.h"
#include "base/log.h"
#include "base/supervisor.h"

namespace waybill::app {
namespace {

constexpr std::array<std::string_view, 2> taken_at_once{"log.level", "log.format"};

// The settings that a restart would change.
std::string waiting_for_restart(const Config& running, const Config& found) {
  std::string names;
  for (const Setting& setting : settings()) {
    if (std::ranges::find(taken_at_once, setting.name) != taken_at_once.end() ||
        setting.show(running) == setting.show(found))
      continue;
    names += (names.empty() ? "" : " ") + setting.name;
  }
  return names;
}

void reload_once(const Reload& reload, const Config& running, serve::Tls* tls) {
  supervisor::tell_reloading();
  // First, so that all that this tells is in the new file.
  if (auto reopened = log::reopen(); !reopened)
    log::error("the log goes on where it was", {{"why", reopened.error().message}});
  const Result<Config> found = reload.read_config();
  if (found) {
    log::configure(found->log_level, found->log_format);
    if (const std::string names = waiting_for_restart(running, *found); !names.empty())
      log::warning("these settings changed and want a restart", {{"settings", names}});
  } else {
    log::error("the settings are not taken; the ones before stay in use", {{"why", found.error().message}});
  }
  const bool taken = !tls || tls->reload();  // what was wrong is in the log and the metrics already
  if (found && taken) log::info("reloaded");
  supervisor::tell_reloaded();
}

}  // namespace

void ReloadRequests::ask() {
  std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

ReloadRequests::Woke ReloadRequests::wait(std::chrono::milliseconds at_most, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const bool asked = changed_.wait_for(lock, stop, at_most, [this] { return asked_; });
  if (stop.stop_requested()) return Woke::stopped;
  asked_ = false;
  return asked ? Woke::asked : Woke::in_time;
}

void keep_reloading(const Reload& reload, const Config& running, serve::Tls* tls, std::stop_token stop) {
  for (;;) {
    switch (reload.requests.wait(reload.look_every, stop)) {
      case ReloadRequests::Woke::asked: reload_once(reload, running, tls); break;
      case ReloadRequests::Woke::in_time:
        if (tls) (void)tls->reload_if_changed();
        break;
      case ReloadRequests::Woke::stopped: return;
    }
  }
}

}  // namespace waybill::app
