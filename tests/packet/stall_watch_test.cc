#include "packet/stall_watch.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start = test::start_time;
using Silence = StallWatch::Silence;
using WaitsFor = StallWatch::WaitsFor;

TEST(StallWatch, IsStuckASecondAfterTheWaitBegan) {
  StallWatch watch(start);
  EXPECT_EQ(watch.stuck_at(10ms), start + 1s);
  watch.restart(start + 300ms);
  EXPECT_EQ(watch.stuck_at(10ms), start + 1300ms);
}

TEST(StallWatch, IsStuckLaterWhereProbeTimeoutsAreLong) {
  const StallWatch watch(start);
  EXPECT_EQ(watch.stuck_at(125ms), start + 1s);
  EXPECT_EQ(watch.stuck_at(500ms), start + 4s);
}

TEST(StallWatch, LookingAtAWaitForDataLeavesItAlone) {
  StallWatch watch(start);
  EXPECT_EQ(watch.on_look(start + 500ms, WaitsFor::data), Silence::telling);
  EXPECT_EQ(watch.stuck_at(10ms), start + 1s);
}

TEST(StallWatch, TimeInWhichNothingIsWantedIsNoStall) {
  StallWatch watch(start);
  EXPECT_EQ(watch.on_look(start + 100ms, WaitsFor::nothing), Silence::expected);
  EXPECT_EQ(watch.on_look(start + 9s, WaitsFor::nothing), Silence::expected);
  // The time since the last look belongs to what it saw.
  EXPECT_EQ(watch.on_look(start + 10s, WaitsFor::data), Silence::expected);
  EXPECT_EQ(watch.stuck_at(10ms), start + 11s);
  EXPECT_EQ(watch.on_look(start + 10500ms, WaitsFor::data), Silence::telling);
  EXPECT_EQ(watch.stuck_at(10ms), start + 11s);
}

TEST(StallWatch, AWaitForAnnouncementsIsNoStallThoughPollsAreAnswered) {
  StallWatch watch(start);
  EXPECT_EQ(watch.on_look(start + 100ms, WaitsFor::announcements), Silence::telling);
  EXPECT_EQ(watch.on_look(start + 9s, WaitsFor::announcements), Silence::telling);
  EXPECT_EQ(watch.stuck_at(10ms), start + 10s);
  EXPECT_EQ(watch.on_look(start + 10s, WaitsFor::data), Silence::telling);
  EXPECT_EQ(watch.stuck_at(10ms), start + 11s);
}

TEST(StallWatch, FourProbeTimeoutsWithoutASliceOfUseMakeABlackHole) {
  const StallWatch watch(start);
  EXPECT_FALSE(watch.is_black_hole(start + 1s, 3));
  EXPECT_TRUE(watch.is_black_hole(start + 1s, 4));
}

TEST(StallWatch, ABusyHostIsNoBlackHole) {
  StallWatch watch(start);
  watch.restart(start + 1s);
  EXPECT_FALSE(watch.is_black_hole(start + 1250ms - 1ns, 100));
  EXPECT_TRUE(watch.is_black_hole(start + 1250ms, 100));
}

}  // namespace
}  // namespace rgtp::packet
