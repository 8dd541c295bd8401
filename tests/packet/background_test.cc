// LEDBAT++ on a bottleneck that is a formula, alone and under somebody else's queue.
#include "packet/controller_fixture.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class BackgroundTest : public test_support::ControllerTest {
 protected:
  static constexpr double rate = 12.5e6;        // with 40 ms 333 slices
  static constexpr double product = 333;        // slices
  static constexpr Duration round_trip = 40ms;  // without queues

  BackgroundTest() { controller_ = make_background(slice_bytes); }

  // `others` is the queue that somebody else keeps.
  void run(Duration length, Duration others = {}) {
    for (const TimePoint end = now_ + length; now_ < end;) {
      const Duration rtt = rtt_over(rate, round_trip) + others;
      longest_rtt_ = std::max(longest_rtt_, rtt);
      smallest_ = std::min(smallest_, window());
      round(rtt);
      largest_ = std::max(largest_, window());
    }
  }

  Duration longest_rtt_{};
  double smallest_ = 1e9;
  double largest_ = 0;
};

TEST_F(BackgroundTest, BeginsWithTwoSlices) {
  EXPECT_EQ(controller_->name(), "background");
  EXPECT_EQ(window(), 2);
  EXPECT_EQ(controller_->rate(), 0U);
}

TEST_F(BackgroundTest, FillsThePathAndKeepsItsQueueBelowTheTarget) {
  run(60s);
  EXPECT_GE(window(), product);
  longest_rtt_ = {};
  run(120s);
  EXPECT_LE(longest_rtt_, round_trip + 65ms);
}

TEST_F(BackgroundTest, GrowsInSteadyStateByAFractionOfASlice) {
  run(20s);
  // Behind a pause, and slow start back to where it was, there is none for a while.
  for (int i = 0; i < 10'000 && window() > 3; ++i) round(round_trip);
  double last = 0;
  for (int i = 0; i < 100 && (window() <= 3 || window() > last + 1); ++i) {
    last = window();
    round(round_trip);
  }
  // 2 x 60 / 40: a third of a slice each round trip.
  const double before = window();
  for (int i = 0; i < 30; ++i) round(round_trip);
  EXPECT_NEAR(window(), before + 10, 1);
}

TEST_F(BackgroundTest, GivesWayToAQueueOfOthers) {
  run(60s);
  const double before = window();
  // Somebody fills a queue of 100 ms: the share goes down by up to a half each round trip.
  run(2s, 100ms);
  EXPECT_LE(window(), before / 20);
  run(60s, 100ms);
  EXPECT_LE(window(), before / 20);
  // And comes back once they are gone.
  run(300s);
  largest_ = 0;
  run(2s);  // longer than a pause
  EXPECT_GE(largest_, 0.9 * product);
}

TEST_F(BackgroundTest, LosesAtMostHalfInARoundTrip) {
  run(60s);
  const double before = window();
  round(round_trip + 500ms);
  round(round_trip + 500ms);
  EXPECT_GE(window(), 0.49 * before * 0.5);
}

TEST_F(BackgroundTest, PausesAfterSlowStartAndAtIntervals) {
  run(60s);
  int pauses = 0;
  bool paused = false;
  for (const TimePoint end = now_ + 120s; now_ < end;) {
    round(rtt_over(rate, round_trip));
    if (window() <= 2 && !paused) ++pauses;
    paused = window() <= 2;
  }
  // A pause of two rounds and a slow start of eight take half a second: about one in five seconds.
  EXPECT_GE(pauses, 10);
  EXPECT_LE(pauses, 40);
}

TEST_F(BackgroundTest, SeesTheRoundTripWithoutItsOwnQueue) {
  run(60s);
  EXPECT_EQ(controller_->min_rtt(), round_trip);
  // Another pull was there before, and its queue with it: the pauses find out what was its own.
  controller_ = make_background(slice_bytes);
  run(10s, 30ms);
  EXPECT_EQ(controller_->min_rtt(), round_trip + 30ms);
  run(30s);
  EXPECT_EQ(controller_->min_rtt(), round_trip);
}

TEST_F(BackgroundTest, ALossHalvesOncePerRoundTrip) {
  run(60s);
  while (window() < product) round(rtt_over(rate, round_trip));
  const double before = window();
  controller_->on_lost(loss(now_ - 10ms, 3));
  controller_->on_lost(loss(now_ - 5ms, 3));
  EXPECT_NEAR(window(), before / 2, 1);
}

TEST_F(BackgroundTest, ASpuriousLossGivesTheWindowBack) {
  run(60s);
  while (window() < product) round(rtt_over(rate, round_trip));
  const double before = window();
  controller_->on_lost(loss(now_ - 10ms, 2));
  controller_->on_loss_was_spurious(loss(now_ - 10ms));
  EXPECT_LT(window(), before);
  controller_->on_loss_was_spurious(loss(now_ - 10ms));
  EXPECT_EQ(window(), before);
}

TEST_F(BackgroundTest, ASpuriousLossInSlowStartGivesSlowStartBack) {
  while (window() < 100) round(round_trip);
  const double before = window();
  controller_->on_lost(loss(now_ - 10ms));
  controller_->on_lost(loss(now_ - 5ms));
  controller_->on_loss_was_spurious(loss(now_ - 10ms));
  EXPECT_LT(window(), before);
  controller_->on_loss_was_spurious(loss(now_ - 5ms));
  EXPECT_EQ(window(), before);
  round(round_trip);
  EXPECT_GE(window(), 1.3 * before);
}

TEST_F(BackgroundTest, ALossInAPauseHalvesWhatComesAfterIt) {
  run(60s);
  while (window() < product) round(rtt_over(rate, round_trip));
  double before = 0;
  for (; window() > 2; round(rtt_over(rate, round_trip))) before = window();
  controller_->on_lost(loss(now_ - 1ms));
  EXPECT_EQ(window(), 2);
  for (int i = 0; i < 12; ++i) round(rtt_over(rate, round_trip));
  EXPECT_NEAR(window(), before / 2, 5);
}

TEST_F(BackgroundTest, AMarkHalvesOncePerRoundTrip) {
  run(60s);
  while (window() < product) round(rtt_over(rate, round_trip));
  const double before = window();
  round(rtt_over(rate, round_trip), 20);
  EXPECT_NEAR(window(), before / 2, 2);
}

TEST_F(BackgroundTest, DoesNotGrowWhileThereIsLittleToAskFor) {
  round(round_trip);
  limited_ = true;
  const double before = window();
  for (int i = 0; i < 100; ++i) round(round_trip);
  EXPECT_EQ(window(), before);
}

}  // namespace
}  // namespace rgtp::packet
