// The default congestion controller, through its interface, against a bottleneck that is a formula: whatever
// is in flight beyond rate x round trip waits in a queue that holds everything.
#include <deque>

#include <gtest/gtest.h>

#include "packet/congestion.h"
#include "packet/wire.h"
#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t slice_bytes = 1500;

class BbrLikeTest : public testing::Test {
 protected:
  // One round trip: `in_flight` bytes asked for, arriving at the path's rate.
  void round(std::uint64_t rate, Duration round_trip, std::uint64_t in_flight, bool limited = false) {
    const double seconds = std::chrono::duration<double>(round_trip).count();
    const auto product = static_cast<std::uint64_t>(static_cast<double>(rate) * seconds);
    const std::uint64_t queue = in_flight > product ? in_flight - product : 0;
    const double waiting = static_cast<double>(queue) / static_cast<double>(rate);
    const auto rtt =
        round_trip + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(waiting));
    // Less than the product arrives at its own pace, everything else at the path's.
    const auto delivery = static_cast<std::uint64_t>(
        std::min(static_cast<double>(rate),
                 static_cast<double>(in_flight) / std::chrono::duration<double>(rtt).count()));
    const std::uint64_t asked_delivered = delivered_;
    const std::uint64_t slices = std::max<std::uint64_t>(1, in_flight / slice_bytes);
    for (std::uint64_t i = 0; i < slices; ++i) {
      delivered_ += slice_bytes;
      now_ += rtt / static_cast<std::int64_t>(slices);
      controller_->on_arrival({.now = now_,
                               .bytes = slice_bytes,
                               .rtt = rtt,
                               .delivery_rate = delivery,
                               .limited = limited,
                               .delivered = delivered_,
                               .asked_delivered = asked_delivered,
                               .in_flight = in_flight});
    }
  }
  // As the controller itself would have it: what rate() asks for in a round trip, and at most the window.
  void run(std::uint64_t rate, Duration round_trip, Duration length) {
    for (const TimePoint end = now_ + length; now_ < end;) {
      const double asked =
          static_cast<double>(controller_->rate()) * std::chrono::duration<double>(round_trip).count();
      const std::uint64_t window = controller_->window_bytes();
      const std::uint64_t in_flight =
          controller_->rate() == 0 ? window : std::min(window, static_cast<std::uint64_t>(asked));
      smallest_window_ = std::min(smallest_window_, window);
      round(rate, round_trip, in_flight);
    }
  }

  std::unique_ptr<CongestionController> controller_ = make_bbr_like(slice_bytes);
  TimePoint now_ = test::start_time;
  std::uint64_t delivered_ = 0;
  std::uint64_t smallest_window_ = ~std::uint64_t{0};
};

TEST_F(BbrLikeTest, KnowsNothingAtFirst) {
  EXPECT_EQ(controller_->name(), "bbr-like");
  EXPECT_EQ(controller_->window_bytes(), first_window_slices * slice_bytes);
  EXPECT_EQ(controller_->rate(), 0U);
  EXPECT_EQ(controller_->estimated_rate(), 0U);
  EXPECT_EQ(controller_->min_rtt(), Duration{});
}

TEST_F(BbrLikeTest, ReachesTheRateOfThePath) {
  const std::pair<std::uint64_t, Duration> paths[] = {
      {25'000'000, 20ms}, {25'000'000, 50ms}, {6'250'000, 100ms}, {1'000'000'000, 100us}, {250'000, 300ms}};
  for (const auto& [rate, round_trip] : paths) {
    controller_ = make_bbr_like(slice_bytes);
    delivered_ = 0;
    run(rate, round_trip, 200 * round_trip);
    EXPECT_NEAR(static_cast<double>(controller_->estimated_rate()), static_cast<double>(rate),
                static_cast<double>(rate) * 0.1)
        << rate << " bytes a second, " << round_trip.count() << " ns";
    EXPECT_LE(controller_->min_rtt(), round_trip * 11 / 10);
  }
}

TEST_F(BbrLikeTest, StartsUpWithinAFewRoundTrips) {
  // From 16 slices in 50 ms to 25 MB/s is a factor of 52: six doublings and less.
  run(25'000'000, 50ms, 12 * 50ms);
  EXPECT_GE(controller_->estimated_rate(), 20'000'000U);
}

TEST_F(BbrLikeTest, AStartGrowsByWhatIsLostAsByWhatArrives) {
  for (int i = 0; i < 3; ++i) round(25'000'000, 50ms, controller_->window_bytes());
  const std::uint64_t before = controller_->window_bytes();
  controller_->on_lost({.now = now_, .asked_at = now_ - 50ms, .bytes = 5 * slice_bytes, .slices = 5});
  EXPECT_EQ(controller_->window_bytes(), before + 5 * slice_bytes);
  controller_->on_loss_was_spurious(
      {.now = now_, .asked_at = now_ - 50ms, .bytes = slice_bytes, .slices = 1});
  EXPECT_EQ(controller_->window_bytes(), before + 4 * slice_bytes);
}

TEST_F(BbrLikeTest, AStartThatMeetsAQueueGrowsByNothingThatIsLost) {
  for (int i = 0; i < 3; ++i) round(25'000'000, 50ms, controller_->window_bytes());
  round(25'000'000, 50ms, 25'000'000 / 16);
  const std::uint64_t queued = controller_->window_bytes();
  controller_->on_lost({.now = now_, .asked_at = now_ - 50ms, .bytes = 5 * slice_bytes, .slices = 5});
  EXPECT_EQ(controller_->window_bytes(), queued);
  // Though there is room for what arrives.
  round(25'000'000, 50ms, 5 * slice_bytes);
  EXPECT_GT(controller_->window_bytes(), queued);
}

// So that a window that doubled is asked for within half a round trip, whatever was measured of the one
// before.
TEST_F(BbrLikeTest, AStartIsPacedByItsWindow) {
  round(25'000'000, 50ms, controller_->window_bytes());
  const auto window = static_cast<double>(controller_->window_bytes());
  EXPECT_GE(static_cast<double>(controller_->rate()), 2 * window / 0.05 - 1);
  EXPECT_GT(2 * window / 0.05, 2.885 * static_cast<double>(controller_->estimated_rate()));
}

TEST_F(BbrLikeTest, LeavesTheStartWhereTheRateGrowsNoMore) {
  run(25'000'000, 50ms, 4 * 50ms);
  // In the start it asks for more than it measures, afterwards for what it measures on average.
  EXPECT_GT(controller_->rate(), controller_->estimated_rate() * 2);
  run(25'000'000, 50ms, 5s);
  double asked = 0;
  constexpr int rounds = 80;
  for (int i = 0; i < rounds; ++i) {
    asked += static_cast<double>(controller_->rate());
    run(25'000'000, 50ms, 1ns);
  }
  EXPECT_NEAR(asked / rounds, 25e6, 25e6 * 0.12);
}

TEST_F(BbrLikeTest, StaysInTheStartWhileThereIsLittleToAskFor) {
  for (int i = 0; i < 30; ++i) round(25'000'000, 50ms, 15'000, true);
  EXPECT_GT(controller_->rate(), controller_->estimated_rate() * 2);
}

TEST_F(BbrLikeTest, TheWindowIsTwoProductsAndThreeTrains) {
  run(25'000'000, 50ms, 5s);
  const double product = static_cast<double>(controller_->estimated_rate()) *
                         std::chrono::duration<double>(controller_->min_rtt()).count();
  const auto trains = 3 * train_bytes_at(controller_->estimated_rate(), slice_bytes);
  EXPECT_NEAR(static_cast<double>(controller_->window_bytes()), 2 * product + static_cast<double>(trains),
              2.0 * slice_bytes);
}

TEST_F(BbrLikeTest, ThreeTrainsKeepAFastShortPathFromCollapse) {
  run(1'000'000'000, 100us, 1s);
  EXPECT_GE(controller_->window_bytes(), 3U * max_train_bytes);
  EXPECT_GE(controller_->estimated_rate(), 900'000'000U);
}

TEST_F(BbrLikeTest, TheWindowIsNeverBelowFourSlices) {
  for (int i = 0; i < 500; ++i) round(2000, 1ms, slice_bytes);
  EXPECT_GE(controller_->window_bytes(), 4U * slice_bytes);
  run(2000, 1ms, 60s);
  EXPECT_GE(smallest_window_, 4U * slice_bytes);
  // Not even where it looks at the round trip with half a product, which is less than a slice here.
  controller_ = make_bbr_like(slice_bytes);
  run(100'000, 10ms, 5s);
  smallest_window_ = ~std::uint64_t{0};
  run(100'000, 20ms, 20s);
  EXPECT_EQ(smallest_window_, 4U * slice_bytes);
}

TEST_F(BbrLikeTest, TheSmallestWindowIsAskedForInARoundTripUnlessAQueueIsSeen) {
  run(5'000'000, 50ms, 2s);
  // Of the smallest window most is lost, for long.
  for (int i = 0; i < 100; ++i) round(5'000'000, 50ms, slice_bytes);
  EXPECT_LT(controller_->estimated_rate(), 2 * slice_bytes / 0.05);
  EXPECT_NEAR(static_cast<double>(controller_->rate()), 4 * slice_bytes / 0.05, slice_bytes);
  round(20'000, 50ms, 2 * slice_bytes);
  EXPECT_LT(static_cast<double>(controller_->rate()), 3 * slice_bytes / 0.05);
}

TEST_F(BbrLikeTest, ForgetsARateThatThePathNoLongerHas) {
  run(25'000'000, 50ms, 5s);
  run(5'000'000, 50ms, 10s);
  EXPECT_NEAR(static_cast<double>(controller_->estimated_rate()), 5e6, 1e6);
}

TEST_F(BbrLikeTest, FindsMoreWhereThePathHasMore) {
  run(5'000'000, 50ms, 5s);
  run(25'000'000, 50ms, 10s);
  EXPECT_GE(controller_->estimated_rate(), 20'000'000U);
}

TEST_F(BbrLikeTest, ARateThatWasHeldDownIsNoMeasureUnlessItIsMore) {
  run(25'000'000, 50ms, 5s);
  const std::uint64_t before = controller_->estimated_rate();
  controller_->on_arrival({.now = now_,
                           .bytes = slice_bytes,
                           .delivery_rate = before * 2,
                           .limited = true,
                           .delivered = delivered_,
                           .asked_delivered = 0,
                           .in_flight = 0});
  EXPECT_EQ(controller_->estimated_rate(), before * 2);
}

TEST_F(BbrLikeTest, KeepsItsRateWhileThereIsLittleToAskFor) {
  run(25'000'000, 50ms, 5s);
  const std::uint64_t before = controller_->estimated_rate();
  for (int i = 0; i < 100; ++i) round(25'000'000, 50ms, slice_bytes, true);
  EXPECT_EQ(controller_->estimated_rate(), before);
  // What is measured then in earnest counts again, be it less.
  run(5'000'000, 50ms, 10s);
  EXPECT_NEAR(static_cast<double>(controller_->estimated_rate()), 5e6, 1e6);
}

TEST_F(BbrLikeTest, DrainsUntilNoMoreThanAProductIsInFlight) {
  constexpr std::uint64_t product = 25'000'000 / 20;
  run(25'000'000, 50ms, 500ms);
  while (controller_->rate() > controller_->estimated_rate()) round(25'000'000, 50ms, product * 2);
  EXPECT_LT(controller_->rate(), controller_->estimated_rate() / 2);
  for (int i = 0; i < 5; ++i) round(25'000'000, 50ms, product * 3 / 2);
  EXPECT_LT(controller_->rate(), controller_->estimated_rate() / 2);
  round(25'000'000, 50ms, product * 9 / 10);
  EXPECT_GE(controller_->rate(), controller_->estimated_rate() * 3 / 4);
}

TEST_F(BbrLikeTest, LooksAtTheRoundTripWithASmallWindowEveryTenSeconds) {
  run(25'000'000, 50ms, 5s);
  smallest_window_ = ~std::uint64_t{0};
  // A path that became longer: no sample is as short as the minimum any more.
  run(25'000'000, 70ms, 20s);
  EXPECT_GE(controller_->min_rtt(), 70ms);
  EXPECT_LE(controller_->min_rtt(), 80ms);
  EXPECT_LE(smallest_window_, 25'000'000U * 7 / 100);  // less than a product
  // And it recovers.
  EXPECT_GE(controller_->window_bytes(), 25'000'000U * 7 / 100);
  EXPECT_GE(controller_->estimated_rate(), 20'000'000U);
}

TEST_F(BbrLikeTest, LossWithoutAQueueCostsNothing) {
  run(25'000'000, 50ms, 5s);
  const std::uint64_t window = controller_->window_bytes();
  const std::uint64_t rate = controller_->estimated_rate();
  controller_->on_lost({.now = now_, .bytes = 10 * slice_bytes, .slices = 10});
  controller_->on_loss_was_spurious({.now = now_, .bytes = 10 * slice_bytes, .slices = 10});
  EXPECT_EQ(controller_->window_bytes(), window);
  EXPECT_EQ(controller_->estimated_rate(), rate);
}

}  // namespace
}  // namespace rgtp::packet
