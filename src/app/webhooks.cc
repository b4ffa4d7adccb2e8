#include "app/webhooks.h"

#include <thread>

#include "base/guarded.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/random.h"
#include "notify/notifier.h"

namespace waybill::app {
namespace {

constexpr std::chrono::seconds forget_every{30};

// Wakes who tells the webhooks when the store shows more; asks again only when it has.
class Alarm {
 public:
  Alarm(ingest::Progress& progress, notify::Transport& transport)
      : progress_(progress), target_(std::make_shared<Target>(&transport)) {}
  ~Alarm() {
    target_->with([](notify::Transport*& transport) { transport = nullptr; });
  }
  void arm() { arm(progress_, target_); }

 private:
  using Target = Guarded<notify::Transport*>;

  static void arm(ingest::Progress& progress, const std::shared_ptr<Target>& target) {
    // Shared: Progress may keep it longer than we live.
    progress.when(progress.visible() + 1, [&progress, target] {
      const bool on = target->with([](notify::Transport* transport) {
        if (transport != nullptr) transport->wake();
        return transport != nullptr;
      });
      if (on) arm(progress, target);
    });
  }

  ingest::Progress& progress_;
  std::shared_ptr<Target> target_;
};

class Platform final : public RunningWebhooks {
 public:
  Platform(const WebhookParts& parts, notify::AddressRule addresses, std::unique_ptr<notify::Transport> transport)
      : store_(parts.store),
        signer_(parts.config.keys_folder()),
        addresses_(std::move(addresses)),
        transport_(std::move(transport)),
        notifier_({.store = parts.store,
                   .files = system_files(),
                   .clock = system_clock(),
                   .metrics = parts.metrics,
                   .transport = *transport_,
                   .signer = signer_,
                   .position = [&journal = parts.journal](uint64_t offset) { return journal.position(offset); }},
                  options(parts)),
        alarm_(parts.progress, *transport_) {}

  void start() override {
    alarm_.arm();
    thread_ = std::jthread([this](std::stop_token stop) { notifier_.run(stop); });
  }

  void leave_to_another() override {
    thread_ = std::jthread([this](const std::stop_token& stop) {
      for (; !stop.stop_requested(); pause(forget_every, stop)) {
        auto more = store_.drop_outbox(store_.watermarks().visible);
        while (more && *more && !stop.stop_requested()) more = store_.drop_outbox(store_.watermarks().visible);
        if (!more)
          log::warning("what webhooks are told elsewhere is not forgotten yet", {{"why", more.error().message}});
      }
    });
  }

  Result<void> check_url(const std::string& url) const override { return notify::check_hook_url(url, addresses_); }
  Result<std::string> secret(const std::string& id) override { return signer_.secret(id); }
  Result<HookStanding> standing(const std::string& id) override { return notifier_.standing(id); }
  Result<serve::Deliveries> deliveries(const std::string& id, const std::string& state, size_t limit,
                                       uint64_t before) override {
    TRY_LET(notify::DeliveryPage page, notifier_.deliveries(id, {.outcome = state, .limit = limit, .before = before}));
    return serve::Deliveries{.attempts = std::move(page.deliveries), .next = page.next};
  }
  Result<void> replay(const std::string& id, const std::string& from) override { return notifier_.replay(id, from); }
  Result<void> ping(const std::string& id) override { return notifier_.ping(id); }

 private:
  static notify::NotifyOptions options(const WebhookParts& parts) {
    const Config& config = parts.config;
    return {.folder = parts.folder.notify(),
            .keep = std::chrono::hours(config.notify_keep_hours),
            .retry_first = std::chrono::milliseconds(config.notify_retry_ms_first),
            .retry_max = std::chrono::seconds(config.notify_retry_seconds_max),
            .hold_max = std::chrono::hours(config.notify_hold_hours_max),
            .seed = random_seed()};
  }

  store::Store& store_;
  const notify::Signer signer_;
  const notify::AddressRule addresses_;
  const std::unique_ptr<notify::Transport> transport_;
  notify::Notifier notifier_;
  Alarm alarm_;
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<RunningWebhooks>> open_webhooks(const WebhookParts& parts) {
  const Config& config = parts.config;
  auto addresses = notify::AddressRule::parse(config.notify_allow);
  if (!addresses) return fail_in("notify.allow", addresses.error());
  TRY_LET(auto transport, notify::open_curl_transport({.timeout = std::chrono::seconds(config.notify_timeout_seconds),
                                                       .addresses = *addresses,
                                                       .ca_file = config.notify_ca_file}));
  return std::make_unique<Platform>(parts, std::move(*addresses), std::move(transport));
}

}  // namespace waybill::app
