#include "packet/output_rate.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;
using Backlog = OutputRate::Backlog;

class OutputRateTest : public testing::Test {
 protected:
  // So many trains of 10,000 bytes, each of which takes `time`, with others waiting behind each.
  void send(int trains, Duration time) {
    for (int i = 0; i < trains; ++i) {
      rate_.on_turn(now_, Backlog::some);
      rate_.on_train(10'000, Backlog::some);
      now_ += time;
    }
  }

  TimePoint now_ = test::start_time;
  OutputRate rate_;
};

TEST_F(OutputRateTest, KnowsNothingAtFirst) {
  EXPECT_EQ(rate_.bytes_per_second(), 0U);
  EXPECT_EQ(rate_.bytes_in(2ms), 0U);
  EXPECT_EQ(rate_.time_for(1'000'000), 0ns);
}

TEST_F(OutputRateTest, IsWhatGoesOutWhileOthersWait) {
  send(300, 10us);
  EXPECT_NEAR(static_cast<double>(rate_.bytes_per_second()), 1e9, 1e6);
  EXPECT_NEAR(static_cast<double>(rate_.bytes_in(2ms)), 2e6, 1e4);
  EXPECT_NEAR(static_cast<double>(rate_.time_for(1'000'000).count()), 1e6, 1e4);
}

TEST_F(OutputRateTest, FollowsAChange) {
  send(300, 10us);
  send(300, 100us);
  EXPECT_NEAR(static_cast<double>(rate_.bytes_per_second()), 1e8, 1e7);
}

TEST_F(OutputRateTest, DoesNotCountTheTimeInWhichNobodyWaits) {
  send(300, 10us);
  for (int i = 0; i < 100; ++i) {
    rate_.on_turn(now_, Backlog::some);
    rate_.on_train(10'000, Backlog::none);
    now_ += 10ms;
    send(5, 10us);
    rate_.on_turn(now_, Backlog::none);
    now_ += 10ms;
  }
  EXPECT_NEAR(static_cast<double>(rate_.bytes_per_second()), 1e9, 1e8);
}

TEST_F(OutputRateTest, StandsStillWhereTheClockDoes) {
  send(1'000'000, 0ns);
  EXPECT_EQ(rate_.bytes_per_second(), 0U);
}

TEST_F(OutputRateTest, ARequestHasWaitedForAsLongAsTheExposerIsAtWork) {
  EXPECT_EQ(rate_.waited(now_ - 1s, now_), 0ns);
  rate_.on_turn(now_, Backlog::some);
  EXPECT_EQ(rate_.waited(now_ - 1s, now_), 0ns);
  rate_.on_train(10'000, Backlog::some);
  now_ += 7ms;
  rate_.on_turn(now_, Backlog::some);
  EXPECT_EQ(rate_.waited(now_ - 1s, now_), 7ms);
  EXPECT_EQ(rate_.waited(now_ - 2ms, now_), 2ms);
}

}  // namespace
}  // namespace rgtp::packet
