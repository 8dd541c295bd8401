// What a pull does when its path changes under it: half the rate, twice the rate, other delays, darkness.
#include <gtest/gtest.h>

#include "sim/figures.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

// 100 Mbit/s and 40 ms for ten seconds, then `change`.
class ChangingPath : public testing::Test {
 protected:
  void begin(LinkChange change) {
    LinkOptions down = path_of(100, 40);
    change.at = 10s;
    down.changes = {change};
    simulation_ = std::make_unique<Simulation>(
        SimulationOptions{.size = endless, .down = down, .up = path_of(100, 40)});
    simulation_->run_until(10s);
  }
  // Of this rate, in the next so long.
  double goodput(double megabits, Duration length) {
    return simulation_->measure(length).pulls[0] / (megabits * 1e6 / 8);
  }
  Duration mean_queue() { return simulation_->down().counters().mean_queue(); }

  std::unique_ptr<Simulation> simulation_;
};

TEST_F(ChangingPath, HalfOfTheRateIsFoundWithinASecond) {
  begin({.rate = 6.25e6});
  goodput(50, 1s);
  EXPECT_GE(goodput(50, 5s), 0.9);
}

TEST_F(ChangingPath, HalfOfTheRateLeavesNoStandingQueue) {
  begin({.rate = 6.25e6});
  goodput(50, 5s);
  goodput(50, 5s);
  EXPECT_LE(mean_queue(), 20ms);
}

TEST_F(ChangingPath, TwiceTheRateIsFoundWithinTwoSeconds) {
  begin({.rate = 25e6});
  EXPECT_GE(goodput(200, 2s), 0.7);
  EXPECT_GE(goodput(200, 5s), 0.9);
}

TEST_F(ChangingPath, ALongerRoundTripCostsASecond) {
  begin({.delay = 60ms});
  goodput(100, 1s);
  EXPECT_GE(goodput(100, 9s), 0.75);
  EXPECT_GE(goodput(100, 10s), 0.85);
}

TEST_F(ChangingPath, AShorterRoundTripCostsNothing) {
  begin({.delay = 2ms});
  EXPECT_GE(goodput(100, 5s), 0.9);
  EXPECT_LE(mean_queue(), 10ms);
}

TEST(DarkPath, TwoSecondsOfEveryFiveCostLittleMoreThanThemselves) {
  LinkOptions link = path_of(50, 40);
  link.blackout = 2s;
  Simulation simulation({.size = endless, .down = link, .up = link});
  EXPECT_GE(simulation.measure(60s).pulls[0], 0.8 * 0.6 * link.rate);
  EXPECT_TRUE(simulation.puller(0).is_exact());
}

}  // namespace
}  // namespace rgtp::test
