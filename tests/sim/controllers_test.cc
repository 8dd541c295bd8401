// The other congestion controllers over the engines: CUBIC, background, fixed rate, and what marks do.
#include <cmath>

#include <gtest/gtest.h>

#include "sim/figures.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

SimulationOptions pull_with(Congestion congestion, const LinkOptions& link) {
  return {.size = endless, .down = link, .up = link, .congestion = congestion};
}

struct Steady {
  double share = 0;    // of the link
  double dropped = 0;  // at its queue
  Duration mean_queue{};
  Duration longest_queue{};
};

// Over 30 s after the first 10.
Steady steady(const SimulationOptions& options) {
  Simulation simulation(options);
  simulation.run_until(10s);
  const double rate = sum(simulation.measure(30s).pulls);
  const auto& down = simulation.down().counters();
  return {rate / options.down.rate, down.dropped_share(), down.mean_queue(), down.longest_queue};
}

TEST(CubicPull, FillsALinkWithAnyQueueAndDropsLittle) {
  for (const double products : {0.25, 1.0, 4.0}) {
    const Steady result = steady(pull_with(Congestion::cubic, path_of(100, 40, products)));
    EXPECT_GE(result.share, 0.94) << products;
    EXPECT_LE(result.dropped, 0.01) << products;
  }
}

TEST(CubicPull, LosesWhatTcpLosesToRandomLoss) {
  // The response function of RFC 9438 in the region where it is as Reno: 1.2 / sqrt(p) slices a round trip,
  // which are 12 at 1 %, and p are the losses of both directions.
  const Steady result = steady(pull_with(Congestion::cubic, path_of(100, 40, 1, 0.01)));
  EXPECT_NEAR(result.share * path_of(100, 40).rate * 0.04 / 1486, 1.2 / std::sqrt(0.02), 3);
}

TEST(CubicPull, IsNotSlowedDownByReordering) {
  LinkOptions link = path_of(100, 40);
  link.reordering = 0.03;
  link.reordering_delay = 20ms;
  EXPECT_GE(steady(pull_with(Congestion::cubic, link)).share, 0.9);
}

TEST(CubicPull, AnswersMarksBeforeAnythingIsLost) {
  LinkOptions link = path_of(100, 40, 2);
  link.mark_above_bytes = queue_of(0.5, link.rate, 40ms);
  const Steady result = steady(pull_with(Congestion::cubic, link));
  EXPECT_GE(result.share, 0.94);
  EXPECT_EQ(result.dropped, 0);
  EXPECT_LE(result.longest_queue, 25ms);
}

TEST(BackgroundPull, UsesAnIdleLinkAndHoldsItsQueueAtTheTarget) {
  const Steady result = steady(pull_with(Congestion::background, path_of(100, 40, 4)));
  EXPECT_GE(result.share, 0.85);
  EXPECT_LE(result.mean_queue, 60ms);
  EXPECT_EQ(result.dropped, 0);
}

TEST(BackgroundPull, GivesWayToTcp) {
  SimulationOptions options = pull_with(Congestion::background, path_of(100, 40, 4));
  options.tcp_flows = 1;
  Simulation simulation(options);
  simulation.run_until(10s);
  const auto rates = simulation.measure(60s);
  EXPECT_LE(rates.pulls[0], 0.1 * options.down.rate);
  EXPECT_GE(rates.tcp[0], 0.85 * options.down.rate);
}

TEST(BackgroundPull, GivesWayToACubicPull) {
  SimulationOptions options = pull_with(Congestion::cubic, path_of(100, 40, 2));
  options.pullers = 2;
  options.odd_congestion = Congestion::background;
  Simulation simulation(options);
  simulation.run_until(10s);
  const auto rates = simulation.measure(60s);
  EXPECT_LE(rates.pulls[1], 0.25 * rates.pulls[0]);
}

// Who has the most of it is another matter: the draft holds the queue, and a shortest round trip that one of
// them sees a millisecond too long gives it the others' part for as long.
TEST(BackgroundPull, FillsALinkWithItsLikeAndHoldsTheQueueTogether) {
  SimulationOptions options = pull_with(Congestion::background, with_noise(path_of(100, 40, 4)));
  options.pullers = 4;
  options.start_apart = 1s;
  const Steady result = steady(options);
  EXPECT_GE(result.share, 0.9);
  EXPECT_LE(result.mean_queue, 66ms);
  EXPECT_EQ(result.dropped, 0);
}

TEST(FixedPull, KeepsItsRateWhateverIsLost) {
  for (const double loss : {0.0, 0.05, 0.2}) {
    SimulationOptions options = pull_with(Congestion::fixed, path_of(100, 40));
    options.down.loss = loss;
    options.fixed_rate = 6'250'000;
    Simulation simulation(options);
    simulation.run_until(2s);
    simulation.measure(20s);
    const auto& down = simulation.down().counters();
    const auto sent = static_cast<double>(down.bytes + down.datagrams * ip_udp_bytes) / 20;
    EXPECT_NEAR(sent, 6.25e6, 0.02 * 6.25e6) << loss;
  }
}

TEST(Marks, ReachThePull) {
  LinkOptions link = path_of(100, 40, 2);
  link.mark_above_bytes = queue_of(0.2, link.rate, 40ms);
  Simulation simulation(pull_with(Congestion::bbr_like, link));
  simulation.run_until(10s);
  EXPECT_GT(simulation.down().counters().marked, 0U);
  EXPECT_NEAR(static_cast<double>(simulation.puller(0).stats().marked),
              static_cast<double>(simulation.down().counters().marked), 100);
}

// Marks are counted as losses, which says more than they mean.
TEST(Marks, AboveATenthOfAProductLeaveMostOfTheLink) {
  LinkOptions link = with_noise(path_of(100, 40, 2));
  link.mark_above_bytes = queue_of(0.1, link.rate, 40ms);
  EXPECT_GE(steady(pull_with(Congestion::bbr_like, link)).share, 0.85);
}

}  // namespace
}  // namespace rgtp::test
