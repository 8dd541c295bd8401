// What one pull makes of a path: its goodput, what it costs, the queue that it builds, its tail.
#include <gtest/gtest.h>

#include "sim/figures.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

// Of the link's IP bytes, in 20 s from the start on; the median of the first seeds.
double goodput(const LinkOptions& down, const LinkOptions& up, std::uint64_t seeds = 3) {
  std::vector<double> shares;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Simulation simulation({.seed = seed, .size = endless, .down = down, .up = up});
    shares.push_back(simulation.measure(20s).pulls[0] / down.rate);
    EXPECT_TRUE(simulation.puller(0).is_exact());
  }
  return median(shares);
}

double goodput(const LinkOptions& link, std::uint64_t seeds = 3) { return goodput(link, link, seeds); }

double asked_again(const Stats& stats) {
  return static_cast<double>(stats.slices_asked_again) / static_cast<double>(stats.slices_asked);
}

// Headers, trailers and the padding of the last slice leave 95.9 %.
TEST(Goodput, OfACleanLinkIsNearlyAllOfIt) { EXPECT_GE(goodput(path_of(200, 20)), 0.94); }

TEST(Goodput, IsNearlyAllThatOnePercentLossLeaves) { EXPECT_GE(goodput(path_of(200, 50, 1, 0.01)), 0.93); }

// Seeds differ by a point, as the second in which the pull starts loses more or less.
TEST(Goodput, IsNearlyAllThatFivePercentLossLeave) {
  EXPECT_GE(goodput(path_of(50, 100, 1, 0.05), 15), 0.91);
}

TEST(Goodput, IsNearlyAllThatTenPercentLossLeave) { EXPECT_GE(goodput(path_of(50, 100, 1, 0.1)), 0.88); }

// 45 KB: trains of 64 KiB, as long as one segmented send may be, would lose their ends there.
TEST(Goodput, OverAQueueShorterThanASegmentedSend) { EXPECT_GE(goodput(path_of(100, 40, 0.09)), 0.85); }

// Every 10 ms nothing arrives for one, as where a host does something else.
LinkOptions with_pauses(LinkOptions link, Duration length) {
  for (Duration at{}; at < length; at += 10ms) {
    link.changes.push_back({.at = at, .delay = link.delay + 1ms});
    link.changes.push_back({.at = at + 1ms, .delay = link.delay});
  }
  return link;
}

// Between hosts side by side a pause looks like a queue, and a product holds seven slices only. Neither makes
// our own doing of what is lost by chance.
TEST(Goodput, OfAShortPathSurvivesLossWhereHostsPause) {
  const auto rate = [](double loss) {
    const LinkOptions link = with_pauses(path_of(4000, 0.02, 100, loss), 500ms);
    Simulation simulation({.size = endless, .chunk_bytes = 64 * 1024, .down = link, .up = link});
    return simulation.measure(500ms).pulls[0] / link.rate;
  };
  EXPECT_GE(rate(0), 0.8);
  EXPECT_GE(rate(0.1), 0.7);
}

// Losses in runs of ten cost no more than losses one by one.
TEST(Goodput, SurvivesLossInBursts) {
  LinkOptions link = path_of(50, 100, 1, 0.01);
  link.loss_burst = 10;
  EXPECT_GE(goodput(link, path_of(50, 100)), 0.88);
}

// Seven doublings from sixteen slices, and the greeting: 20 s.
TEST(Goodput, OfAPathThatIsFarAwayIsReachedInAFewRoundTrips) {
  const LinkOptions link = path_of(20, 1500);
  Simulation simulation({.size = endless, .down = link, .up = link});
  simulation.run_until(20s);
  EXPECT_GE(simulation.measure(20s).pulls[0] / link.rate, 0.85);
}

TEST(Goodput, DoesNotCollapseWhereThreePercentAreReordered) {
  // By half a round trip.
  LinkOptions down = path_of(100, 40);
  down.reordering = 0.03;
  down.reordering_delay = 20ms;
  Simulation simulation({.size = endless, .down = down, .up = path_of(100, 40)});
  EXPECT_GE(simulation.measure(20s).pulls[0] / down.rate, 0.85);
  EXPECT_LE(asked_again(simulation.puller(0).stats()), 0.02);
}

TEST(Goodput, DoesNotCollapseUnderJitterThatReorders) {
  // Of 10 ms, each packet for itself.
  LinkOptions link = path_of(100, 40);
  link.jitter = 10ms;
  Simulation simulation({.size = endless, .down = link, .up = link});
  EXPECT_GE(simulation.measure(20s).pulls[0] / link.rate, 0.85);
  EXPECT_LE(asked_again(simulation.puller(0).stats()), 0.02);
}

TEST(Goodput, DoesNotCollapseUnderJitterThatKeepsTheOrder) {
  LinkOptions link = path_of(100, 40);
  link.jitter = 10ms;
  link.jitter_order = JitterOrder::kept;
  Simulation simulation({.size = endless, .down = link, .up = link});
  EXPECT_GE(simulation.measure(20s).pulls[0] / link.rate, 0.85);
  EXPECT_LE(asked_again(simulation.puller(0).stats()), 0.02);
}

// What a policer drops is our own doing, though no queue tells: no more than probing and a full bucket cost.
TEST(Cost, BehindAPolicerIsNotMadeUpFor) {
  for (const double products : {0.1, 0.3, 1.0}) {
    LinkOptions down = path_of(100, 40, products);
    down.polices = true;
    Simulation simulation({.size = endless, .down = down, .up = path_of(100, 40)});
    simulation.run_until(5s);
    EXPECT_GE(simulation.measure(20s).pulls[0], 0.9 * down.rate) << products;
    EXPECT_LE(simulation.down().counters().dropped_share(), 0.11) << products;
  }
}

TEST(Cost, IsTheSizeAndWhatTheLossesMakeNecessary) {
  for (const double loss : {0.0, 0.01, 0.05, 0.1}) {
    const LinkOptions link = path_of(100, 40, 1, loss);
    Simulation simulation({.size = 8 << 20, .chunk_bytes = 64 * 1024, .down = link, .up = link});
    simulation.run();
    EXPECT_TRUE(simulation.puller(0).is_exact());
    const auto& down = simulation.down().counters();
    const auto ip_bytes = static_cast<double>(down.bytes + down.datagrams * ip_udp_bytes);
    EXPECT_LE(ip_bytes, 1.15 * (8 << 20) / (1 - loss)) << loss;
  }
}

// A path of 0.1 ms whose queue would hold 40 times as much.
TEST(Queue, OnAShortPathIsShort) {
  for (const double megabits : {1000.0, 8000.0}) {
    const LinkOptions link = path_of(megabits, 0.1, 40);
    Simulation simulation({.size = endless, .down = link, .up = link});
    EXPECT_GE(simulation.measure(500ms).pulls[0], 0.75 * link.rate);
    EXPECT_LE(simulation.down().counters().longest_queue, 2ms) << megabits;
  }
}

TEST(Queue, OfOnePullAloneIsAFractionOfTheRoundTrip) {
  const LinkOptions link = path_of(100, 40, 2);
  Simulation simulation({.size = endless, .down = link, .up = link});
  simulation.run_until(5s);
  simulation.measure(20s);
  EXPECT_LE(simulation.down().counters().mean_queue(), 4ms);
  EXPECT_LE(simulation.down().counters().longest_queue, 20ms);
  EXPECT_EQ(simulation.down().counters().overflowed, 0U);
}

// In round trips of 50 ms at 200 Mbit/s: the median of nine pulls.
double tail(double loss) {
  std::vector<double> tails;
  for (std::uint64_t seed = 1; seed <= 9; ++seed) {
    const LinkOptions link = path_of(200, 50, 1, loss);
    Simulation simulation(
        {.seed = seed, .size = 32 << 20, .chunk_bytes = 64 * 1024, .down = link, .up = link});
    simulation.run();
    EXPECT_TRUE(simulation.puller(0).is_exact());
    tails.push_back(milliseconds(simulation.puller(0).tail()) / 50);
  }
  return median(tails);
}

TEST(Tail, OfACleanPathIsARoundTrip) { EXPECT_LE(tail(0), 1.3); }
TEST(Tail, AtOnePercentLossIsTwoRoundTrips) { EXPECT_LE(tail(0.01), 2.5); }
TEST(Tail, AtFivePercentLossIsFourRoundTrips) { EXPECT_LE(tail(0.05), 4.5); }

}  // namespace
}  // namespace rgtp::test
