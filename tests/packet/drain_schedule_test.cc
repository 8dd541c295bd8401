#include "packet/drain_schedule.h"

#include <gtest/gtest.h>

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class DrainScheduleTest : public testing::Test {
 protected:
  // By default Debian's, as the kernel counts.
  explicit DrainScheduleTest(std::uint64_t receive_buffer = 425'984) : schedule_(receive_buffer) {}
  // Datagrams of 1,400 bytes that came by `interval` after the drain before.
  Duration drain(Duration interval, std::uint32_t datagrams = 1, Duration rtt = 50ms) {
    now_ += interval;
    return schedule_.on_drain({now_, datagrams, std::uint64_t{datagrams} * 1400, rtt});
  }
  // One by one, fast enough for a rest.
  Duration settle(Duration rtt = 50ms) {
    Duration rest{};
    for (std::uint32_t i = 0; i < DrainSchedule::worthwhile + 1; ++i) rest = drain(60us, 1, rtt);
    return rest;
  }

  TimePoint now_{1s};
  DrainSchedule schedule_;
};

class LargeBuffer : public DrainScheduleTest {
 protected:
  LargeBuffer() : DrainScheduleTest(8 << 20) {}
};

TEST_F(DrainScheduleTest, TheFirstDatagramsAreReadAtOnce) {
  for (std::uint32_t i = 0; i < DrainSchedule::worthwhile; ++i) EXPECT_EQ(drain(60us), 0ns);
}

TEST_F(DrainScheduleTest, RestsWhereWakeUpsComeCloseTogether) {
  EXPECT_EQ(settle(), 1ms);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(drain(1ms, 17), 1ms);
}

TEST_F(DrainScheduleTest, ARestIsAtMostASixteenthOfTheRoundTrip) {
  EXPECT_EQ(settle(8ms), 500us);
  EXPECT_EQ(settle(500us), 0ns);
}

TEST_F(LargeBuffer, RestsOnAShortPathWhereMuchComes) {
  Duration rest{};
  for (std::uint32_t i = 0; i <= DrainSchedule::worthwhile; ++i) rest = drain(60us, 40, 100us);  // 930 MB/s
  EXPECT_EQ(rest, DrainSchedule::bulk_rest);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(drain(300us, 200, 100us), DrainSchedule::bulk_rest);
  // What comes by and by is waited for no longer than a sixteenth of the round trip.
  EXPECT_EQ(drain(300us, 20, 100us), 0ns);
}

TEST_F(DrainScheduleTest, NeverRestsWhereWakeUpsAreRare) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(drain(1ms, 44), 0ns);
}

TEST_F(DrainScheduleTest, EndsARestThatBroughtLittle) {
  settle();
  EXPECT_EQ(drain(1ms, 3), 0ns);
  EXPECT_EQ(drain(60us), 0ns);
}

TEST_F(DrainScheduleTest, ATimerThatComesBetweenEndsNoRest) {
  settle();
  EXPECT_EQ(drain(10us, 0), 1ms);
  EXPECT_EQ(drain(20us, 1), 1ms);
  EXPECT_EQ(drain(970us, 5), 1ms);
}

TEST_F(DrainScheduleTest, AQuarterOfTheBufferIsNotLeftToFill) {
  settle();
  // 112 MB/s: a quarter of 213 KB lasts 475 microseconds.
  const Duration rest = drain(1ms, 80);
  EXPECT_GT(rest, 450us);
  EXPECT_LT(rest, 500us);
  // 1.4 GB/s: 38 microseconds.
  EXPECT_EQ(drain(1ms, 1000), 0ns);
}

}  // namespace
}  // namespace rgtp::packet
