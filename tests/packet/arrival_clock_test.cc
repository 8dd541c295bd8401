#include "packet/arrival_clock.h"

#include <gtest/gtest.h>

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint now{1000s};
constexpr Duration wall = 1'700'000'000s;
constexpr ArrivalClock clock_of_batch(now, wall);

TEST(ArrivalClock, TakesTheAgeByTheWallClockFromTheLoopsTime) {
  EXPECT_EQ(clock_of_batch.arrival(wall - 3ms), now - 3ms);
  EXPECT_EQ(clock_of_batch.arrival(wall), now);
}

TEST(ArrivalClock, NothingArrivesInTheFuture) { EXPECT_EQ(clock_of_batch.arrival(wall + 1h), now); }

TEST(ArrivalClock, AWallClockThatWasSetMakesNothingOlderThanASecond) {
  EXPECT_EQ(clock_of_batch.arrival(wall - 1h), now - 1s);
  EXPECT_EQ(clock_of_batch.arrival(Duration{}), now - 1s);
}

TEST(ArrivalClock, ReadsBothClocksAtOneMoment) {
  const ArrivalClock clock = ArrivalClock::read();
  const auto wall_now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_LT(clock.now() - clock.arrival(wall_now), 1ms);
  EXPECT_LE(clock.now(), std::chrono::steady_clock::now());
}

}  // namespace
}  // namespace rgtp::packet
