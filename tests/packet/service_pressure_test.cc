#include "packet/service_pressure.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

class ServicePressureTest : public testing::Test {
 protected:
  static constexpr Duration round_trip = 20ms;

  // `rounds` round trips of answers, ten in each, whose requests waited for `service_delay`.
  void answer(int rounds, Duration service_delay) {
    for (int i = 0; i < 10 * rounds; ++i) {
      now_ += round_trip / 10;
      pressure_.on_answer(now_, service_delay, round_trip);
    }
  }
  void busy() { pressure_.on_busy(now_, round_trip); }

  TimePoint now_ = test::start_time;
  ServicePressure pressure_;
};

TEST_F(ServicePressureTest, IsNoneWhileTheExposerKeepsUp) {
  EXPECT_EQ(pressure_.factor(), 1);
  EXPECT_TRUE(pressure_.keeps_up());
  answer(100, 1ms);
  EXPECT_EQ(pressure_.factor(), 1);
  EXPECT_TRUE(pressure_.keeps_up());
}

TEST_F(ServicePressureTest, FallsOnceARoundTripWhileEveryRequestWaits) {
  answer(10, 100us);
  answer(1, 3ms);
  answer(1, 3ms);
  EXPECT_LT(pressure_.factor(), 1);
  const double before = pressure_.factor();
  answer(4, 3ms);
  EXPECT_NEAR(pressure_.factor() / before, 0.85 * 0.85 * 0.85 * 0.85, 1e-9);
  EXPECT_FALSE(pressure_.keeps_up());
}

TEST_F(ServicePressureTest, DoesNotFallForRequestsThatWaitNowAndThen) {
  answer(1, 100us);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 9; ++i) {
      now_ += round_trip / 10;
      pressure_.on_answer(now_, 10ms, round_trip);
    }
    now_ += round_trip / 10;
    pressure_.on_answer(now_, 100us, round_trip);
  }
  EXPECT_EQ(pressure_.factor(), 1);
}

TEST_F(ServicePressureTest, StaysBetweenTheLimits) {
  answer(10, 3ms);
  const double before = pressure_.factor();
  answer(20, 1500us);
  answer(20, 2ms);
  EXPECT_EQ(pressure_.factor(), before);
}

TEST_F(ServicePressureTest, RisesSlowlyOnceTheExposerKeepsUpAgain) {
  answer(10, 3ms);
  answer(2, 0ms);
  const double before = pressure_.factor();
  answer(3, 0ms);
  EXPECT_NEAR(pressure_.factor() / before, 1.05 * 1.05 * 1.05, 1e-9);
  answer(100, 0ms);
  EXPECT_EQ(pressure_.factor(), 1);
}

TEST_F(ServicePressureTest, NeverStopsAsking) {
  answer(1000, 100ms);
  EXPECT_EQ(pressure_.factor(), ServicePressure::least);
}

TEST_F(ServicePressureTest, FallsWhereTheExposerSaysThatItIsBusy) {
  busy();
  EXPECT_EQ(pressure_.factor(), ServicePressure::decrease);
  EXPECT_FALSE(pressure_.keeps_up());
  // Once a round trip: one overflow of its list refuses many requests.
  for (int i = 0; i < 50; ++i) busy();
  EXPECT_EQ(pressure_.factor(), ServicePressure::decrease);
  now_ += round_trip;
  busy();
  EXPECT_EQ(pressure_.factor(), ServicePressure::decrease * ServicePressure::decrease);
}

TEST_F(ServicePressureTest, FallsWhereABusyExposerAnswersTheOthersAtOnce) {
  for (int round = 0; round < 20; ++round) {
    answer(1, 100us);
    now_ += 1ms;
    busy();
  }
  EXPECT_LT(pressure_.factor(), 0.2);
}

TEST_F(ServicePressureTest, AnAnswerShowsThatABusyExposerKeepsUpAgain) {
  busy();
  EXPECT_FALSE(pressure_.keeps_up());
  pressure_.on_answer(now_ + 1ms, 1ms, round_trip);
  EXPECT_TRUE(pressure_.keeps_up());
}

}  // namespace
}  // namespace rgtp::packet
