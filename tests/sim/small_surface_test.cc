// How many round trips a small surface takes.
#include <gtest/gtest.h>

#include "sim/figures.h"

namespace rgtp::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1024;
constexpr Duration round_trip = 50ms;
// For 16 KiB to pass a link of 200 Mbit/s, with room.
constexpr Duration passing = round_trip / 10;

// Datagrams are as long as on a path of which nothing is known yet: 16 KiB are 15 slices.
SimulationOptions surface_of(std::uint64_t bytes) {
  const LinkOptions link = path_of(200, 50);
  return {.size = bytes, .chunk_bytes = 64 * kib, .down = link, .up = link, .mtu = packet::fallback_mtu};
}

// Of a pull of so many bytes over a path that one of `before` bytes has used.
Duration time_of_second_pull(std::uint64_t before, std::uint64_t bytes) {
  constexpr Duration later = 100ms;
  Simulation simulation(surface_of(before));
  const std::size_t second = simulation.expose(bytes);
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  const Duration began = simulation.elapsed() + later;
  const SimulatedPuller& again = simulation.pull_again(second, later);
  EXPECT_TRUE(again.is_exact());
  EXPECT_EQ(again.stats().slices_asked_again, 0U);
  return simulation.elapsed() - began;
}

Duration time_of_first_pull(std::uint64_t bytes) {
  Simulation simulation(surface_of(bytes));
  simulation.run();
  EXPECT_TRUE(simulation.puller(0).is_exact());
  return simulation.elapsed();
}

TEST(SmallSurface, OfOneSliceTakesTwoRoundTripsOverANewPath) {
  EXPECT_LE(time_of_first_pull(kib), 2 * round_trip + passing);
}

// A first window of 16 slices that is not paced: from one of ten it would take three and more.
TEST(SmallSurface, OfSixteenKibTakesTwoRoundTripsOverANewPath) {
  EXPECT_LE(time_of_first_pull(16 * kib), 2 * round_trip + passing);
}

TEST(SmallSurface, TakesOneRoundTripOverAPathThatWasThereBefore) {
  for (const std::uint64_t before : {1 * kib, 16 * kib, 4096 * kib})
    for (const std::uint64_t bytes : {1 * kib, 16 * kib})
      EXPECT_LE(time_of_second_pull(before, bytes), round_trip + passing) << before << " " << bytes;
}

}  // namespace
}  // namespace rgtp::test
