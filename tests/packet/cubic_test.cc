// CUBIC against the formulas of RFC 9438. One slice counts as one segment.
#include <cmath>

#include "packet/controller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class CubicTest : public test_support::ControllerTest {
 protected:
  CubicTest() { controller_ = make_cubic(slice_bytes); }

  // Slow start up to at least so many slices, then one loss.
  void grow_and_lose(double slices, Duration rtt) {
    while (window() < slices) round(rtt);
    lose_one();
  }
  void lose_one() { controller_->on_lost(loss(now_)); }
};

TEST_F(CubicTest, BeginsWithTenSlicesAndNoPace) {
  EXPECT_EQ(controller_->name(), "cubic");
  EXPECT_EQ(window(), 10);
  EXPECT_EQ(controller_->rate(), 0U);
}

TEST_F(CubicTest, DoublesInEveryRoundOfSlowStart) {
  for (int i = 1; i <= 8; ++i) {
    round(50ms);
    EXPECT_EQ(window(), 10 << i);
  }
}

TEST_F(CubicTest, FollowsTheCubicCurveAfterALoss) {
  grow_and_lose(1000, 100ms);
  const double most = window() / 0.7;
  const TimePoint epoch = now_;
  const double k = std::cbrt(most * 0.3 / 0.4);
  EXPECT_NEAR(k, 9.9, 0.1);
  for (int second = 1; second <= 20; ++second) {
    while (now_ < epoch + second * 1s) round(100ms);
    const double t = std::chrono::duration<double>(now_ - epoch).count();
    const double expected = 0.4 * std::pow(t - k, 3) + most;
    EXPECT_NEAR(window(), expected, 0.01 * expected + 1) << t;
  }
}

TEST_F(CubicTest, NothingGrowsBeforeWhatWasAskedForAfterACutArrives) {
  grow_and_lose(100, 50ms);
  const double cut = window();
  const TimePoint cut_at = now_;
  while (now_ < cut_at + 49ms) {
    now_ += 1ms;
    arrive(50ms, delivered_);
    EXPECT_EQ(window(), cut);
  }
  rounds_for(1s, 50ms);
  EXPECT_GT(window(), cut + 5);
}

TEST_F(CubicTest, WhatWasAskedForBeforeACutAndComesLateStopsNothing) {
  grow_and_lose(1000, 100ms);
  const double most = window() / 0.7;
  const TimePoint epoch = now_;
  rounds_for(8s, 100ms);
  // It would lift Reno's window up to this one's, from where it grows at the plateau too.
  controller_->on_arrival(
      {.now = now_, .asked_at = epoch - 50ms, .bytes = slice_bytes, .slices = 1, .delivered = delivered_});
  rounds_for(3s, 100ms);
  const double t = std::chrono::duration<double>(now_ - epoch).count();
  EXPECT_NEAR(window(), 0.4 * std::pow(t - std::cbrt(most * 0.3 / 0.4), 3) + most, 5);
}

TEST_F(CubicTest, AMarkIsNeverSpurious) {
  grow_and_lose(1000, 100ms);
  rounds_for(3s, 100ms);
  const double before = window();
  round(100ms, 1);
  const double marked = window();
  EXPECT_LT(marked, before);
  const TimePoint asked = now_ - 100ms;
  controller_->on_lost(loss(asked));
  controller_->on_loss_was_spurious(loss(asked));
  EXPECT_LE(window(), marked + 1);
}

TEST_F(CubicTest, GrowsAtLeastAsRenoWould) {
  // A short round trip and a small window: the curve would be flat for seconds.
  grow_and_lose(100, 10ms);
  const double prior = window() / 0.7;
  const double start = window();
  for (int i = 0; i < 60; ++i) round(10ms);
  // 3 x 0.3 / 1.7 slices a round.
  EXPECT_NEAR(window(), start + 60 * 0.529, 2);
  while (window() < prior) round(10ms);
  const double back = window();
  for (int i = 0; i < 20; ++i) round(10ms);
  // Once the window before the loss is reached, a slice a round.
  EXPECT_NEAR(window(), back + 20, 2);
}

TEST_F(CubicTest, CutsOncePerRoundTrip) {
  while (window() < 1000) round(50ms);
  const double before = window();
  const TimePoint asked = now_ - 40ms;
  controller_->on_lost(loss(asked, 5));
  EXPECT_NEAR(window(), 0.7 * before, 1);
  // What else was asked for before the cut is of the same congestion.
  controller_->on_lost(loss(asked + 20ms, 50));
  EXPECT_NEAR(window(), 0.7 * before, 1);
  round(50ms);
  const double grown = window();
  controller_->on_lost(loss(now_ - 10ms));
  EXPECT_NEAR(window(), 0.7 * grown, 1);
}

TEST_F(CubicTest, CountsALostRequestAsWell) {
  while (window() < 100) round(50ms);
  const double before = window();
  LossSample lost = loss(now_, 16);
  lost.request = true;
  controller_->on_lost(lost);
  EXPECT_NEAR(window(), 0.7 * before, 1);
}

TEST_F(CubicTest, ASpuriousLossGivesEverythingBack) {
  grow_and_lose(1000, 100ms);
  rounds_for(3s, 100ms);
  const auto twin = make_cubic(slice_bytes);
  const double before = window();
  const std::uint64_t rate = controller_->rate();
  const LossSample lost = loss(now_ - 50ms, 3);
  controller_->on_lost(lost);
  EXPECT_LT(window(), before);
  for (int i = 0; i < 3; ++i) {
    EXPECT_LT(window(), before);
    controller_->on_loss_was_spurious(loss(now_ - 50ms));
  }
  EXPECT_EQ(window(), before);
  EXPECT_EQ(controller_->rate(), rate);
}

TEST_F(CubicTest, TheCurveGoesOnAfterAnUndoneCut) {
  grow_and_lose(1000, 100ms);
  const double most = window() / 0.7;
  const TimePoint epoch = now_;
  rounds_for(3s, 100ms);
  controller_->on_lost(loss(now_ - 50ms));
  controller_->on_loss_was_spurious(loss(now_ - 50ms));
  rounds_for(3s, 100ms);
  const double t = std::chrono::duration<double>(now_ - epoch).count();
  EXPECT_NEAR(window(), 0.4 * std::pow(t - std::cbrt(most * 0.3 / 0.4), 3) + most, 10);
}

TEST_F(CubicTest, AnUndoneCutInSlowStartGoesBackToSlowStart) {
  while (window() < 100) round(50ms);
  const double before = window();
  controller_->on_lost(loss(now_ - 20ms));
  controller_->on_loss_was_spurious(loss(now_ - 20ms));
  EXPECT_EQ(window(), before);
  round(50ms);
  EXPECT_EQ(window(), 2 * before);
}

TEST_F(CubicTest, ACutStandsWhileSomeOfItsLossesDo) {
  while (window() < 1000) round(50ms);
  const double before = window();
  controller_->on_lost(loss(now_ - 40ms, 2));
  controller_->on_lost(loss(now_ - 30ms, 1));
  controller_->on_loss_was_spurious(loss(now_ - 40ms));
  controller_->on_loss_was_spurious(loss(now_ - 40ms));
  EXPECT_NEAR(window(), 0.7 * before, 1);
  // A loss of an older cut undoes nothing.
  controller_->on_loss_was_spurious(loss(now_ + 1ms));
  EXPECT_NEAR(window(), 0.7 * before, 1);
}

TEST_F(CubicTest, LeavesRoomToNewcomersWhereItHasLessThanBefore) {
  grow_and_lose(1000, 100ms);
  rounds_for(1s, 100ms);
  const double at_second_loss = window();
  lose_one();
  // The plateau is not where the loss was but 15 % below.
  const double plateau = 0.85 * at_second_loss;
  const double k = std::cbrt((plateau - 0.7 * at_second_loss) / 0.4);
  rounds_for(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(k)), 100ms);
  EXPECT_NEAR(window(), plateau, 0.01 * plateau);
}

TEST_F(CubicTest, AMarkCutsByLessAndOncePerRound) {
  while (window() < 1000) round(50ms);
  const double before = window();
  arrive(50ms, delivered_, 1);
  EXPECT_NEAR(window(), 0.85 * before, 1);
  const std::uint64_t asked_before = delivered_ - slice_bytes;
  for (int i = 0; i < 100; ++i) arrive(50ms, asked_before - slice_bytes, 1);
  EXPECT_NEAR(window(), 0.85 * before, 2);
  const double now = window();
  arrive(50ms, delivered_, 1);
  EXPECT_NEAR(window(), 0.85 * now, 1);
}

TEST_F(CubicTest, DoesNotGrowWhileThereIsLittleToAskFor) {
  grow_and_lose(1000, 100ms);
  rounds_for(2s, 100ms);
  const double before = window();
  limited_ = true;
  rounds_for(60s, 100ms);
  EXPECT_EQ(window(), before);
  // Nor does it jump afterwards to where the curve would be by now.
  limited_ = false;
  round(100ms);
  EXPECT_LT(window(), before * 1.05);
}

TEST_F(CubicTest, LeavesSlowStartWhereTheQueueGrowsBeforeItOverflows) {
  // 100 Mbit/s and 40 ms are 333 slices; the queue would hold four times as many.
  double largest = 0;
  for (int i = 0; i < 40; ++i) {
    round(rtt_over(12.5e6, 40ms));
    largest = std::max(largest, window());
  }
  EXPECT_GE(largest, 333);
  // Two round trips to see it, and five of a quarter of the growth; without, it would be 2^40.
  EXPECT_LE(largest, 2 * 333 * std::pow(1.25, 5) * 1.1);
  // Growth is slow from there on.
  const double before = window();
  round(rtt_over(12.5e6, 40ms));
  EXPECT_LE(window(), before * 1.05);
}

TEST_F(CubicTest, JitterAloneDoesNotEndSlowStart) {
  for (int i = 0; i < 4; ++i) round(40ms);
  round(50ms);  // slower growth from here
  const double before = window();
  round(40ms);
  round(40ms);
  EXPECT_GE(window(), before * 2.4);
}

TEST_F(CubicTest, ThePaceIsAQuarterMoreThanTheWindowNeeds) {
  round(50ms);
  EXPECT_NEAR(static_cast<double>(controller_->rate()), 2 * window() * slice_bytes / 0.05, 1e4);
  lose_one();
  EXPECT_NEAR(static_cast<double>(controller_->rate()), 1.25 * window() * slice_bytes / 0.05, 1e4);
}

TEST_F(CubicTest, KeepsItsBytesWhenSlicesHaveAnotherLength) {
  grow_and_lose(1000, 100ms);
  const auto before = static_cast<double>(controller_->window_bytes());
  controller_->set_slice_bytes(3000);
  EXPECT_NEAR(static_cast<double>(controller_->window_bytes()), before, 1);
}

TEST_F(CubicTest, TheWindowIsNeverBelowTwoSlices) {
  for (int i = 0; i < 20; ++i) {
    now_ += 1s;
    lose_one();
  }
  EXPECT_EQ(window(), 2);
}

TEST_F(CubicTest, MeasuresThePath) {
  rounds_for(300ms, 50ms);
  EXPECT_EQ(controller_->min_rtt(), 50ms);
  EXPECT_GT(controller_->estimated_rate(), 0U);
  // A longer one is believed after ten seconds.
  lose_one();
  rounds_for(12s, 70ms);
  EXPECT_EQ(controller_->min_rtt(), 70ms);
}

}  // namespace
}  // namespace rgtp::packet
