// When is what read again: at a wish, after a time, and never after the stop.
#include "app/reload.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace waybill::app {
namespace {

using Woke = ReloadRequests::Woke;
constexpr std::chrono::hours long_time{1};

TEST(Reload, a_wish_waits_for_whoever_looks_and_several_are_one) {
  ReloadRequests requests;
  requests.ask();
  requests.ask();
  EXPECT_EQ(requests.wait(long_time, {}), Woke::asked);
  EXPECT_EQ(requests.wait(std::chrono::milliseconds(1), {}), Woke::in_time);
}

TEST(Reload, a_stop_ends_the_wait) {
  ReloadRequests requests;
  std::stop_source stop;
  std::jthread waiting([&] { EXPECT_EQ(requests.wait(long_time, stop.get_token()), Woke::stopped); });
  stop.request_stop();
}

class LookedAt final : public serve::Tls {
 public:
  std::unique_ptr<serve::TlsStream> stream(int) override { return nullptr; }
  Result<void> reload() override {
    count(reloads);
    return {};
  }
  Result<bool> reload_if_changed() override {
    count(looks);
    return false;
  }
  static void count(std::atomic<int>& what) {
    ++what;
    what.notify_all();
  }
  std::atomic<int> reloads{0};
  std::atomic<int> looks{0};
};

TEST(Reload, looks_at_the_files_from_time_to_time_and_reads_the_settings_only_when_asked) {
  ReloadRequests requests;
  LookedAt tls;
  std::atomic<int> read{0};
  const Config running;
  const Reload reload{.requests = requests,
                      .read_config = [&]() -> Result<Config> {
                        ++read;
                        return running;
                      },
                      .look_every = std::chrono::milliseconds(1)};
  std::jthread reloading([&](std::stop_token stop) { keep_reloading(reload, running, &tls, stop); });
  tls.looks.wait(0);
  EXPECT_EQ(read, 0);
  EXPECT_EQ(tls.reloads, 0);
  requests.ask();
  tls.reloads.wait(0);
  EXPECT_EQ(read, 1);
}

TEST(Reload, settings_that_make_no_sense_do_not_keep_the_certificate_from_being_read) {
  ReloadRequests requests;
  LookedAt tls;
  const Config running;
  const Reload reload{.requests = requests,
                      .read_config = []() -> Result<Config> { return fail(Code::invalid, "waybill.toml: nonsense"); },
                      .look_every = long_time};
  std::jthread reloading([&](std::stop_token stop) { keep_reloading(reload, running, &tls, stop); });
  requests.ask();
  tls.reloads.wait(0);
  EXPECT_EQ(tls.reloads, 1);
}

}  // namespace
}  // namespace waybill::app
