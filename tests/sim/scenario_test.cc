// Single scenarios, with the numbers that they must come to.
#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

TEST(Scenario, ACleanLinkCarriesEverySliceOnce) {
  // The queue holds what start-up asks for too much.
  Simulation simulation({.size = 4 << 20, .chunk_bytes = 64 * 1024, .down = {.queue_bytes = 1 << 20}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  const Stats stats = simulation.puller(0).stats();
  EXPECT_EQ(stats.slices_asked, 64U * 46);  // 64 KiB and a tag in slices of 1,426 bytes
  EXPECT_EQ(stats.slices_asked_again, 0U);
  EXPECT_EQ(stats.duplicates, 0U);
  EXPECT_EQ(stats.verified_bytes, 4U << 20);
}

TEST(Scenario, ACleanLinkIsUsedWell) {
  // 100 Mbit/s, 20 ms, a queue of one bandwidth-delay product.
  const LinkOptions link{.rate = 12.5e6, .delay = 10ms, .queue_bytes = 250'000};
  Simulation simulation({.size = 32 << 20, .chunk_bytes = 64 * 1024, .down = link, .up = link});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  const double seconds = std::chrono::duration<double>(simulation.elapsed()).count();
  EXPECT_GT((32 << 20) / seconds, 0.85 * link.rate);
}

TEST(Scenario, TheFirstByteOfAColdPullTakesTwoRoundTrips) {
  Simulation simulation({.size = 1000, .chunk_bytes = 4096, .down = {.delay = 50ms}, .up = {.delay = 50ms}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  EXPECT_LT(simulation.elapsed(), 220ms);
}

TEST(Scenario, ARangeCostsItsChunksOnly) {
  Simulation simulation({.size = 4 << 20, .chunk_bytes = 64 * 1024, .range = {1'000'000, 100'000}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  EXPECT_LE(simulation.puller(0).stats().slices_asked, 3U * 46);
}

TEST(Scenario, AMinuteOfSmallPullsLeavesThePathItsRate) {
  // None of the small ones is long enough to measure the path by.
  Simulation simulation({.size = 4 << 20,
                         .chunk_bytes = 64 * 1024,
                         .down = {.rate = 25e6, .jitter = 2ms, .queue_bytes = 1 << 20}});
  const std::size_t small = simulation.expose(1000);
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).is_exact());
  const Duration first = simulation.elapsed();
  for (int i = 0; i < 120; ++i) ASSERT_TRUE(simulation.pull_again(small, 500ms).is_exact()) << i;
  const Duration before = simulation.elapsed() + 500ms;
  EXPECT_TRUE(simulation.pull_again(0, 500ms).is_exact());
  // It may look at the round trip once meanwhile.
  EXPECT_LT(simulation.elapsed() - before, first + 200ms);
}

TEST(Scenario, ASlowExposerDoesNotMakeThePathLonger) {
  // Two ways of 5 ms, and 20 ms at the exposer for every train.
  Simulation simulation({.service_time = 20ms});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  EXPECT_LT(simulation.puller(0).path().controller().min_rtt(), 15ms);
}

TEST(Scenario, SlicesBecomeAsShortAsTheExposersNetworkHasThem) {
  for (const std::uint32_t mtu : {1300, 1000, 700, 572}) {
    Simulation simulation({.exposer_mtu = mtu});
    simulation.run();
    EXPECT_TRUE(simulation.puller(0).is_exact()) << mtu;
  }
}

TEST(Scenario, ANetworkThatCarriesNoSliceAtAllEndsThePull) {
  Simulation simulation({.exposer_mtu = 571});
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::unreachable);
  EXPECT_LT(simulation.elapsed(), 1s);
}

TEST(Scenario, AWithdrawnSurfaceEndsThePullWithWithdrawn) {
  Simulation simulation({.size = 8 << 20, .down = {.rate = 1.25e6}});
  simulation.at(500ms, [&] { simulation.withdraw(); });
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::withdrawn);
  EXPECT_LT(simulation.elapsed(), 1500ms);
}

TEST(Scenario, AKilledExposerIsGoneWithinThreeSeconds) {
  Simulation simulation({.size = 8 << 20, .down = {.rate = 1.25e6}});
  simulation.at(500ms, [&] { simulation.kill_exposer(); });
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::exposer_gone);
  EXPECT_LT(simulation.elapsed(), 3500ms);
}

TEST(Scenario, APortWhereNobodyListensIsUnreachable) {
  Simulation simulation({.size = 1});
  simulation.kill_exposer();
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::unreachable);
}

TEST(Scenario, SilenceEndsWithTimedOutAfterTheIdleTimeout) {
  Simulation simulation({.size = 8 << 20, .down = {.rate = 1.25e6}, .idle_timeout = 2s});
  simulation.at(500ms, [&] {
    simulation.down().set_blocked(true);
    simulation.up().set_blocked(true);
  });
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::timed_out);
  EXPECT_GE(simulation.elapsed(), 2500ms);
  EXPECT_LT(simulation.elapsed(), 2800ms);
}

TEST(Scenario, AnOutageOfFiveSecondsIsSurvived) {
  Simulation simulation({.size = 4 << 20, .down = {.rate = 1.25e6}});
  simulation.at(500ms, [&] { simulation.down().set_blocked(true); });
  simulation.at(5500ms, [&] { simulation.down().set_blocked(false); });
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  // 3.4 s of sending, the outage, and little more to find out that it is over.
  EXPECT_LT(simulation.elapsed(), 12s);
}

TEST(Scenario, AStrayIcmpMessageEndsNothing) {
  Simulation simulation({.size = 4 << 20, .down = {.rate = 1.25e6}});
  for (int i = 1; i < 20; ++i) simulation.at(i * 100ms, [&] { simulation.forge_unreachable(); });
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
}

TEST(Scenario, LossesThatLateArrivalsDisproveAreFewOnceReorderingIsKnown) {
  const LinkOptions link{
      .rate = 12.5e6, .delay = 10ms, .queue_bytes = 250'000, .reordering = 0.03, .reordering_delay = 2ms};
  Simulation simulation({.size = 16 << 20, .chunk_bytes = 64 * 1024, .down = link});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  const Stats stats = simulation.puller(0).stats();
  EXPECT_LT(static_cast<double>(stats.slices_asked_again), 0.02 * static_cast<double>(stats.slices_asked));
}

TEST(Scenario, ChunksAreThereSoonAfterTheyArePublished) {
  // 25 chunks in order, one every 10 ms, over 5 ms each way.
  Simulation simulation({.size = 100'000, .chunk_bytes = 4096, .producer = ProducerOptions{}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  // A quarter of a round trip until the poll, one for its answer and one for the data.
  EXPECT_LT(simulation.elapsed() - simulation.finished_at(), 30ms);
  const Stats stats = simulation.puller(0).stats();
  EXPECT_EQ(stats.slices_asked_again, 0U);
  EXPECT_EQ(stats.slices_asked, 24U * 3 + 2);
}

TEST(Scenario, AWriterThatPausesCostsFewPollsAndNoPull) {
  // 3 chunks, 20 s apart.
  Simulation simulation({.size = 3 * 4096,
                         .chunk_bytes = 4096,
                         .producer = ProducerOptions{.interval = 20s},
                         .idle_timeout = 2s});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  EXPECT_LT(simulation.elapsed(), 61s);
  EXPECT_EQ(simulation.puller(0).stats().slices_asked, 9U);
  // Two polls a second, where the pull may be idle for two; a few more at news, and little else.
  EXPECT_LT(simulation.up().counters().datagrams, 200U);
}

TEST(Scenario, ChunksAreToldOfUnasked) {
  // One every 300 ms, which no poll is in time for.
  Simulation simulation({.size = 100'000,
                         .chunk_bytes = 4096,
                         .producer = ProducerOptions{.interval = 300ms, .capacity = 200'000}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  // The last of 25: half a round trip until it is told, and one for the data.
  EXPECT_GT(simulation.elapsed(), 25 * 300ms);
  EXPECT_LT(simulation.elapsed(), 25 * 300ms + 20ms);
}

TEST(Scenario, AWithdrawalIsToldUnasked) {
  Simulation simulation({.chunk_bytes = 4096, .producer = ProducerOptions{.interval = 100s}});
  simulation.at(5s, [&] { simulation.withdraw(); });
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::withdrawn);
  EXPECT_LT(simulation.elapsed(), 5200ms);
}

TEST(Scenario, UnderACapacityTheSizeIsLearnedFromAPoll) {
  for (const std::uint64_t size : {0U, 1U, 4096U, 4097U, 100'000U}) {
    Simulation simulation(
        {.size = size, .chunk_bytes = 4096, .producer = ProducerOptions{.capacity = 200'000}});
    simulation.run();
    EXPECT_TRUE(simulation.puller(0).is_exact()) << size;
    EXPECT_LT(simulation.elapsed() - simulation.finished_at(), 130ms) << size;
  }
}

TEST(Scenario, AWriterThatGivesUpAbortsThePull) {
  Simulation simulation({.size = 100'000,
                         .chunk_bytes = 4096,
                         .down = {.loss = 0.2},
                         .up = {.loss = 0.2},
                         .producer = ProducerOptions{.aborts_after = 10}});
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::aborted);
  EXPECT_LT(simulation.elapsed() - simulation.finished_at(), 1s);
}

TEST(Scenario, AnExposerThatIsKilledWhileItIsPolledIsGone) {
  Simulation simulation({.chunk_bytes = 4096, .producer = ProducerOptions{.interval = 100s}});
  simulation.at(500ms, [&] { simulation.kill_exposer(); });
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::exposer_gone);
  EXPECT_LT(simulation.elapsed(), 3500ms);
}

TEST(Scenario, AnExposerThatIsSilentWhileItIsPolledTimesOut) {
  Simulation simulation(
      {.chunk_bytes = 4096, .producer = ProducerOptions{.interval = 100s}, .idle_timeout = 2s});
  simulation.at(500ms, [&] { simulation.down().set_blocked(true); });
  simulation.run();
  ASSERT_TRUE(simulation.puller(0).error());
  EXPECT_EQ(simulation.puller(0).error()->code, Errc::timed_out);
  // Where it is told unasked it polls four times in so long.
  EXPECT_GT(simulation.elapsed(), 2000ms);
  EXPECT_LT(simulation.elapsed(), 2600ms);
}

TEST(Scenario, ChunksOfAWideSurfaceAreFoundInAnyOrder) {
  // 10,000 chunks are 157 words, and the range of 9,300 has 147: more than one ANNOUNCE carries.
  Simulation simulation(
      {.size = 10'000 * 4096,
       .chunk_bytes = 4096,
       .producer = ProducerOptions{.order = ProducerOptions::Order::random, .interval = 100us},
       .range = {4096 * 500, 4096 * 9300}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
}

TEST(Scenario, AnnouncesAreAsShortAsTheExposersNetworkHasThem) {
  // 16,384 chunks at most: the first poll is for 136 words, of which that network carries 71.
  Simulation simulation({.size = 50'000,
                         .chunk_bytes = 4096,
                         .exposer_mtu = 660,
                         .producer = ProducerOptions{.interval = 1ms, .capacity = 64 << 20}});
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  EXPECT_LT(simulation.elapsed(), 500ms);
}

TEST(Scenario, SixteenPullersShareOneExposer) {
  Simulation simulation({.size = 1 << 20, .down = {.rate = 12.5e6, .loss = 0.01}, .pullers = 16});
  simulation.run();
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(simulation.puller(i).is_exact()) << i;
}

}  // namespace
}  // namespace rgtp::test
