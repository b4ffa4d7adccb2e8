#include "app/bench/server.h"

#include <algorithm>

#include "app/http_client.h"
#include "app/metrics_text.h"
#include "app/verify.h"
#include "base/child.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random.h"

namespace waybill::app::bench {
namespace {

constexpr std::chrono::milliseconds look_every{10};
constexpr size_t said_bytes_max = 1'000;  // of what it said before it ended, at the end

class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  ~TemporaryFolder() {
    if (const auto removed = remove_with_content(system_files(), path_); !removed)
      log::error("the temporary folder is left behind", {{"why", removed.error().message}});
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string in(std::string_view name) const { return join_path(path_, name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class ChildServer final : public Server {
 public:
  ChildServer(const std::string& below, Clock& clock)
      : clock_(clock), folder_(join_path(below, "waybill-bench-" + std::to_string(random_seed()))) {}

  Result<void> start(std::stop_token stop) {
    Files& files = system_files();
    TRY(files.make_folder(folder_.path()));
    // An empty settings file: not the one of the working folder.
    TRY(write_file_atomically(files, folder_.in("waybill.toml"), ""));
    TRY_LET(std::string program, own_program());
    constexpr std::string_view never_silent = "86400";  // its records would not be the load's
    TRY_LET(child_, start_child({.program = std::move(program),
                                 .arguments = {"up", "--config", folder_.in("waybill.toml"), "--listen",
                                               target_.host + ":0", "--data", folder_.in("data"), "--port-file",
                                               folder_.in("port"), "--stale-after-seconds", std::string(never_silent)},
                                 .output = folder_.in("said"),
                                 .without = "WAYBILL_"}));
    const auto until = clock_.steady() + start_wait_max;
    TRY(wait_for(until, stop, [&]() -> Result<bool> { return files.info(folder_.in("port")).has_value(); }));
    TRY_LET(target_.port, read_file(files, folder_.in("port")));
    while (target_.port.ends_with('\n')) target_.port.pop_back();
    TRY_LET(client_, open_http_client({.url = "http://" + target_.host + ':' + target_.port, .stop = stop}));
    return wait_for(until, stop, [&]() -> Result<bool> {
      const auto answer = client_->get({.path = "/readyz"});
      return answer && verdict_of(answer->status) == Verdict::taken;
    });
  }

  Target target() const override { return target_; }
  std::string folder() const override { return folder_.path(); }
  Result<Duration> cpu_time() const override { return child_->cpu_time(); }

  Result<Duration> catch_up(std::stop_token stop) override {
    const auto begin = clock_.steady();
    TRY(wait_for(begin + catch_up_wait_max, stop, [&]() -> Result<bool> {
      TRY_LET(const HttpAnswer answer, client_->get({.path = "/metrics"}));
      TRY_LET(const MetricsText metrics, MetricsText::parse(answer.body));
      return metrics.sum("waybill_ingest_put_total") >= metrics.sum("waybill_ingest_accepted_total");
    }));
    return std::chrono::duration_cast<Duration>(clock_.steady() - begin);
  }

  Result<ingest::Balance> stop_and_verify() override {
    child_->ask_to_stop();
    const auto code = child_->wait(stop_wait_max);
    if (!code) return fail(Code::unavailable, "stop the server: it still runs after 120 s");
    if (*code != 0) return fail(Code::unavailable, "stop the server: it ended with " + std::to_string(*code) + said());
    Config config;
    config.data = folder_.in("data");
    TRY_LET(const DataFolder data, look_into_data_folder(config.data, system_files()));
    return balance_of(config, data, ingest::Depth::ledgers);
  }

 private:
  // Until `come` is true.
  template <class Come>
  Result<void> wait_for(std::chrono::steady_clock::time_point until, const std::stop_token& stop, Come come) {
    while (true) {
      TRY_LET(const bool here, come());
      if (here) return {};
      if (stop.stop_requested()) return fail(Code::unavailable, "stopped");
      if (clock_.steady() > until) return fail(Code::unavailable, "the server is too slow" + said());
      if (const auto code = child_->wait(look_every))
        return fail(Code::unavailable, "the server ended with " + std::to_string(*code) + said());
    }
  }

  std::string said() const {
    const auto all = read_file(system_files(), folder_.in("said"));
    if (!all || all->empty()) return {};
    return "; it said:\n" + all->substr(all->size() - std::min(all->size(), said_bytes_max));
  }

  Clock& clock_;
  TemporaryFolder folder_;
  Target target_;
  std::unique_ptr<Child> child_;  // ends before its folder goes
  std::unique_ptr<HttpClient> client_;
};

}  // namespace

Result<std::unique_ptr<Server>> start_server(const std::string& below, Clock& clock, std::stop_token stop) {
  auto server = std::make_unique<ChildServer>(below, clock);
  if (auto started = server->start(std::move(stop)); !started)
    return fail_in("start a waybill to measure", started.error());
  return server;
}

}  // namespace waybill::app::bench
