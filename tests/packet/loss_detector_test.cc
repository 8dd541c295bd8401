#include "packet/loss_detector.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class LossDetectorTest : public testing::Test {
 protected:
  static constexpr Duration round_trip = 80ms;
  static constexpr Duration answer_time = 100ms;
  static constexpr std::uint32_t slice_ip_bytes = 1500;

  LossDetectorTest() { rtt_.on_sample(round_trip); }

  void ask(std::uint32_t count) {
    AskedTrain train;
    train.asked.asked_at = now_;
    train.ip_bytes = slice_ip_bytes;
    log_.begin_train(train);
    for (std::uint32_t i = 0; i < count; ++i) log_.add({ChunkIndex{0}, static_cast<std::uint16_t>(i)});
    losses_.on_ask(now_);
  }
  void arrive(std::uint64_t number) {
    const auto arrival = log_.on_arrival(number);
    ASSERT_TRUE(arrival);
    losses_.on_arrival(now_, number, *arrival, rtt_);
  }
  std::vector<std::uint64_t> lost() {
    std::vector<std::uint64_t> lost;
    losses_.detect(now_, rtt_, ns_per_byte_, log_, lost);
    for (const std::uint64_t ask : lost) log_.set_lost(ask);
    return lost;
  }
  std::optional<TimePoint> deadline() const { return losses_.deadline(answer_time, log_); }
  bool probe_is_due() const { return losses_.probe_is_due(now_, answer_time, log_); }

  using Numbers = std::vector<std::uint64_t>;

  TimePoint now_ = test::start_time;
  RttEstimator rtt_;
  AskLog log_;
  LossDetector losses_;
  double ns_per_byte_ = 0;
};

TEST_F(LossDetectorTest, LosesWhatThreeLaterAsksOvertook) {
  ask(10);
  arrive(2);
  EXPECT_EQ(lost(), Numbers{});
  arrive(3);
  EXPECT_EQ(lost(), Numbers{0});
  arrive(4);
  EXPECT_EQ(lost(), Numbers{1});
  arrive(9);
  EXPECT_EQ(lost(), (Numbers{5, 6}));
  EXPECT_EQ(lost(), Numbers{});
  EXPECT_EQ(log_.outstanding(), 2U);
}

TEST_F(LossDetectorTest, LosesNothingBeforeAnythingArrives) {
  ask(10);
  now_ += 10s;
  EXPECT_EQ(lost(), Numbers{});
}

TEST_F(LossDetectorTest, LosesWhatIsOvertakenForTooLong) {
  ask(3);
  const TimePoint due = now_ + round_trip * 9 / 8;
  now_ += round_trip;
  arrive(1);
  EXPECT_EQ(lost(), Numbers{});
  EXPECT_EQ(deadline(), due);
  now_ = due - 1ns;
  EXPECT_EQ(lost(), Numbers{});
  now_ = due;
  EXPECT_EQ(lost(), Numbers{0});
  // What was asked for later than all that arrived is for probes alone.
  EXPECT_EQ(log_.outstanding(), 1U);
  EXPECT_EQ(deadline(), test::start_time + answer_time);
}

TEST_F(LossDetectorTest, MeasuresTimeFromTheTrainOfEachAsk) {
  ask(1);
  now_ += 10ms;
  ask(2);
  arrive(2);
  now_ = test::start_time + round_trip * 9 / 8;
  EXPECT_EQ(lost(), Numbers{0});
  EXPECT_EQ(deadline(), std::min(now_ + 10ms, test::start_time + 10ms + answer_time));
  now_ += 10ms;
  EXPECT_EQ(lost(), Numbers{1});
}

TEST_F(LossDetectorTest, TakesTheLongerOfSmoothedAndLatestRoundTrip) {
  ask(2);
  rtt_.on_sample(160ms);
  arrive(1);
  now_ += 160ms * 9 / 8 - 1ns;
  EXPECT_EQ(lost(), Numbers{});
  now_ += 1ns;
  EXPECT_EQ(lost(), Numbers{0});
}

TEST_F(LossDetectorTest, IsNotHastierThanTimersAre) {
  rtt_ = {};
  rtt_.on_sample(50us);
  ask(2);
  arrive(1);
  now_ += 999us;
  EXPECT_EQ(lost(), Numbers{});
  now_ += 1us;
  EXPECT_EQ(lost(), Numbers{0});
}

TEST_F(LossDetectorTest, BecomesMorePatientWhereALossWasNone) {
  ask(30);
  arrive(8);
  EXPECT_EQ(lost(), (Numbers{0, 1, 2, 3, 4, 5}));
  // Number 8 came before number 0: reordering of nine is nothing special here.
  arrive(0);
  EXPECT_EQ(losses_.threshold(), 10U);
  arrive(15);
  EXPECT_EQ(lost(), Numbers{});
  arrive(16);
  EXPECT_EQ(lost(), Numbers{6});
  // Nor is one of twelve, then; what was not lost changes nothing.
  arrive(5);
  EXPECT_EQ(losses_.threshold(), 13U);
  arrive(14);
  arrive(19);
  EXPECT_EQ(lost(), Numbers{});
  arrive(20);
  EXPECT_EQ(lost(), Numbers{7});
}

TEST_F(LossDetectorTest, HasAnEndToItsPatience) {
  ask(16'000);
  arrive(15'999);
  EXPECT_EQ(lost().size(), 15'997U);
  arrive(0);
  EXPECT_EQ(losses_.threshold(), LossDetector::max_threshold);
  ask(16'000);
  arrive(15'997 + LossDetector::max_threshold);
  EXPECT_EQ(lost(), Numbers{15'997});
}

// 40 slices of 1,500 bytes at 1 byte a microsecond: the last one takes 58.5 ms longer than the first.
TEST_F(LossDetectorTest, LaterSlicesOfATrainAreDueLater) {
  ns_per_byte_ = 1000;
  losses_ = {};
  ask(40);
  const TimePoint due = now_ + round_trip * 9 / 8;
  // The threshold of reordering aside: late answers have raised it.
  ask(1);
  arrive(40);
  EXPECT_EQ(lost().size(), 38U);
  arrive(0);
  ASSERT_GT(losses_.threshold(), 40U);
  const Duration window = losses_.reordering_window();
  EXPECT_EQ(lost(), Numbers{});
  EXPECT_EQ(deadline(), std::min(due + window + 38 * 1500us, now_ + answer_time));
  now_ = due + window + 38 * 1500us - 1ns;
  EXPECT_EQ(lost(), Numbers{});
  now_ += 1ns;
  EXPECT_EQ(lost(), Numbers{38});
  now_ += 1500us;
  EXPECT_EQ(lost(), Numbers{39});
}

TEST_F(LossDetectorTest, WaitsLongerWhereAnswersCameLate) {
  ask(3);
  now_ += round_trip;
  arrive(1);
  now_ += round_trip / 8;
  EXPECT_EQ(lost(), Numbers{0});
  EXPECT_EQ(losses_.reordering_window(), 0ms);
  // Eight milliseconds too late, and an eighth of that is to spare from now on.
  now_ += 8ms;
  arrive(0);
  EXPECT_EQ(losses_.reordering_window(), 9ms);
  arrive(2);
  ask(2);
  const TimePoint due = now_ + round_trip * 9 / 8 + 9ms;
  arrive(4);
  now_ = due - 1ns;
  EXPECT_EQ(lost(), Numbers{});
  now_ = due;
  EXPECT_EQ(lost(), Numbers{3});
}

TEST_F(LossDetectorTest, WaitsNoMoreThanARoundTripLonger) {
  ask(2);
  arrive(1);
  now_ += round_trip * 9 / 8;
  EXPECT_EQ(lost(), Numbers{0});
  now_ += 10s;
  arrive(0);
  EXPECT_EQ(losses_.reordering_window(), round_trip);
}

TEST_F(LossDetectorTest, ForgetsReorderingWhereThereIsNoneAnyMore) {
  ask(100);
  arrive(99);
  EXPECT_EQ(lost().size(), 97U);
  now_ += round_trip * 9 / 8 + 40ms;
  EXPECT_EQ(lost().size(), 2U);
  arrive(0);
  EXPECT_EQ(losses_.threshold(), 112U);
  EXPECT_EQ(losses_.reordering_window(), 45ms);
  const auto calm = [&](int rounds) {
    now_ += rounds * round_trip;
    EXPECT_EQ(lost(), Numbers{});
  };
  calm(LossDetector::calm_rounds - 1);
  EXPECT_EQ(losses_.threshold(), 112U);
  calm(1);
  EXPECT_EQ(losses_.threshold(), 56U);
  EXPECT_EQ(losses_.reordering_window(), 22'500us);
  for (int i = 0; i < 40; ++i) calm(LossDetector::calm_rounds);
  EXPECT_EQ(losses_.threshold(), LossDetector::initial_threshold);
  EXPECT_EQ(losses_.reordering_window(), 0ns);
}

TEST_F(LossDetectorTest, ForgetsAWindowThatNeighboursAloneShowed) {
  ask(2);
  arrive(1);
  now_ += round_trip * 9 / 8;
  EXPECT_EQ(lost(), Numbers{0});
  now_ += 16ms;
  arrive(0);
  EXPECT_EQ(losses_.threshold(), LossDetector::initial_threshold);
  EXPECT_EQ(losses_.reordering_window(), 18ms);
  now_ += LossDetector::calm_rounds * round_trip;
  EXPECT_EQ(lost(), Numbers{});
  EXPECT_EQ(losses_.reordering_window(), 9ms);
}

TEST_F(LossDetectorTest, LateAnswersToWhatWasGivenUpShowNoReordering) {
  ask(20);
  arrive(0);
  for (std::uint64_t number = 1; number < 20; ++number) log_.give_up(number);
  ask(1);
  arrive(20);
  now_ += 1s;
  arrive(1);
  EXPECT_EQ(losses_.threshold(), LossDetector::initial_threshold);
  EXPECT_EQ(losses_.reordering_window(), 0ns);
}

TEST_F(LossDetectorTest, ProbesWhereNothingComes) {
  EXPECT_FALSE(deadline());
  EXPECT_FALSE(probe_is_due());
  ask(2);
  EXPECT_EQ(deadline(), now_ + answer_time);
  now_ += answer_time - 1ns;
  EXPECT_FALSE(probe_is_due());
  now_ += 1ns;
  EXPECT_TRUE(probe_is_due());
}

TEST_F(LossDetectorTest, ProbesFromTheLastAskOn) {
  ask(2);
  now_ += 50ms;
  ask(2);
  EXPECT_EQ(deadline(), now_ + answer_time);
}

TEST_F(LossDetectorTest, DoublesTheIntervalOfProbesUpToTwoSeconds) {
  ask(2);
  std::vector<Duration> intervals;
  for (int i = 0; i < 7; ++i) {
    intervals.push_back(*deadline() - now_);
    now_ = *deadline();
    ASSERT_TRUE(probe_is_due());
    losses_.on_probe(now_);
    EXPECT_FALSE(probe_is_due());
  }
  EXPECT_EQ(intervals, (std::vector<Duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 2s, 2s}));
  EXPECT_EQ(losses_.probes_in_a_row(), 7U);
  for (int i = 0; i < 100; ++i) losses_.on_probe(now_);
  EXPECT_EQ(*deadline() - now_, 2s);
}

TEST_F(LossDetectorTest, BeginsAnewWithAnArrival) {
  ask(5);
  losses_.on_probe(now_);
  losses_.on_probe(now_);
  losses_.limit_interval(250ms);
  arrive(0);
  EXPECT_EQ(losses_.probes_in_a_row(), 0U);
  EXPECT_EQ(*deadline() - now_, answer_time);
  for (int i = 0; i < 10; ++i) losses_.on_probe(now_);
  EXPECT_EQ(*deadline() - now_, 2s);
}

TEST_F(LossDetectorTest, ProbesOftenWhereThePeerMayBeGone) {
  ask(2);
  for (int i = 0; i < 5; ++i) losses_.on_probe(now_);
  EXPECT_EQ(*deadline() - now_, 2s);
  losses_.limit_interval(250ms);
  EXPECT_EQ(*deadline() - now_, 250ms);
}

TEST_F(LossDetectorTest, AsksForNothingOnceAllIsSettled) {
  ask(2);
  arrive(0);
  arrive(1);
  EXPECT_EQ(lost(), Numbers{});
  EXPECT_FALSE(deadline());
  now_ += 10s;
  EXPECT_FALSE(probe_is_due());
}

}  // namespace
}  // namespace rgtp::packet
