#include "app/supervised.h"

#include <gtest/gtest.h>

namespace waybill::app {
namespace {

class ServerAt final : public serve::Server {
 public:
  void start() override {}
  void stop(std::chrono::milliseconds) override {}
  uint16_t port() const override { return 0; }
  std::chrono::steady_clock::time_point came_round() const override { return at; }

  std::chrono::steady_clock::time_point at;
};

TEST(Supervised, is_alive_only_while_the_servers_loops_turn) {
  ManualClock clock(at_us(0));
  ServerAt server;
  server.at = clock.steady();
  Supervised supervised(server, clock);
  EXPECT_TRUE(supervised.alive());
  clock.advance(loop_silence_max - Duration(1));
  EXPECT_TRUE(supervised.alive());
  clock.advance(Duration(1));
  EXPECT_FALSE(supervised.alive());
  server.at = clock.steady();
  EXPECT_TRUE(supervised.alive()) << "it came round again";
}

TEST(Supervised, a_stop_is_not_a_hang) {
  ManualClock clock(at_us(0));
  ServerAt server;
  Supervised supervised(server, clock);
  supervised.stopping();
  clock.advance(2 * loop_silence_max);
  EXPECT_TRUE(supervised.alive());
}

}  // namespace
}  // namespace waybill::app
