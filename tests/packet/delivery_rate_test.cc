#include "packet/delivery_rate.h"

#include <gtest/gtest.h>

#include "support/datagrams.h"

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;
using InFlight = DeliveryRate::InFlight;

class DeliveryRateTest : public testing::Test {
 protected:
  TimePoint now_ = test::start_time;
  DeliveryRate rate_;
};

TEST_F(DeliveryRateTest, MeasuresWhatArrivesSinceItWasAsked) {
  const auto asked = rate_.on_ask(now_, InFlight::none);
  EXPECT_EQ(rate_.on_arrival(now_ + 10ms, asked, 1000, 10ms).bytes_per_second, 100'000U);
  // 2,000 bytes in 20 ms.
  EXPECT_EQ(rate_.on_arrival(now_ + 20ms, asked, 1000, 10ms).bytes_per_second, 100'000U);
  EXPECT_EQ(rate_.delivered(), 2000U);
}

TEST_F(DeliveryRateTest, CountsFromTheDeliveryBeforeTheAsk) {
  const auto first = rate_.on_ask(now_, InFlight::none);
  rate_.on_arrival(now_ + 20ms, first, 1000, 10ms);
  const auto second = rate_.on_ask(now_ + 30ms, InFlight::some);
  EXPECT_EQ(second.delivered, 1000U);
  EXPECT_EQ(second.delivered_at, now_ + 20ms);
  // 3,000 bytes from 20 to 60 ms.
  EXPECT_EQ(rate_.on_arrival(now_ + 60ms, second, 3000, 10ms).bytes_per_second, 75'000U);
}

TEST_F(DeliveryRateTest, TakesTheLongerOfAskAndArrivalInterval) {
  // Asked for over 40 ms, arriving within 10 ms of each other: the path held them back, it is no faster.
  const auto first = rate_.on_ask(now_, InFlight::none);
  const auto second = rate_.on_ask(now_ + 40ms, InFlight::some);
  EXPECT_EQ(second.first_asked, now_);
  rate_.on_arrival(now_ + 100ms, first, 1000, 5ms);
  const auto third = rate_.on_ask(now_ + 100ms, InFlight::some);
  EXPECT_EQ(third.first_asked, now_);
  rate_.on_arrival(now_ + 101ms, second, 1000, 5ms);
  const auto sample = rate_.on_arrival(now_ + 110ms, third, 1000, 5ms);
  // 2,000 bytes: 100 ms of asking, 10 ms of arriving.
  EXPECT_EQ(sample.bytes_per_second, 20'000U);
}

TEST_F(DeliveryRateTest, BeginsAnewAfterAPause) {
  rate_.on_arrival(now_ + 10ms, rate_.on_ask(now_, InFlight::none), 1000, 1ms);
  const auto asked = rate_.on_ask(now_ + 10s, InFlight::none);
  EXPECT_EQ(rate_.on_arrival(now_ + 10s + 10ms, asked, 1000, 1ms).bytes_per_second, 100'000U);
}

TEST_F(DeliveryRateTest, SaysNothingOverLessThanARoundTrip) {
  const auto asked = rate_.on_ask(now_, InFlight::none);
  EXPECT_EQ(rate_.on_arrival(now_, asked, 1000, 0ms).bytes_per_second, 0U);
  EXPECT_EQ(rate_.on_arrival(now_ + 9ms, asked, 1000, 10ms).bytes_per_second, 0U);
  EXPECT_GT(rate_.on_arrival(now_ + 10ms, asked, 1000, 10ms).bytes_per_second, 0U);
}

TEST_F(DeliveryRateTest, MarksWhatWasHeldDownByHavingNothingToAskFor) {
  auto asked = rate_.on_ask(now_, InFlight::none);
  EXPECT_FALSE(asked.limited);
  rate_.on_limited(2000);
  asked = rate_.on_ask(now_, InFlight::some);
  EXPECT_TRUE(asked.limited);
  EXPECT_TRUE(rate_.on_arrival(now_ + 10ms, asked, 1000, 1ms).limited);
  // Until all that was in flight then has arrived.
  EXPECT_TRUE(rate_.on_ask(now_ + 10ms, InFlight::some).limited);
  rate_.on_arrival(now_ + 20ms, asked, 1001, 1ms);
  EXPECT_FALSE(rate_.on_ask(now_ + 20ms, InFlight::some).limited);
}

}  // namespace
}  // namespace rgtp::packet
