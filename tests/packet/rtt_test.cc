#include "packet/rtt.h"

#include <gtest/gtest.h>

namespace rgtp::packet {
namespace {

using namespace std::chrono_literals;

TEST(Rtt, AssumesATenthOfASecondBeforeItKnows) {
  const RttEstimator rtt;
  EXPECT_FALSE(rtt.has_sample());
  EXPECT_EQ(rtt.smoothed(), 100ms);
  EXPECT_EQ(rtt.probe_timeout(), 300ms);
}

TEST(Rtt, TakesTheFirstSampleAsItIs) {
  RttEstimator rtt;
  rtt.on_sample(40ms);
  EXPECT_TRUE(rtt.has_sample());
  EXPECT_EQ(rtt.smoothed(), 40ms);
  EXPECT_EQ(rtt.latest(), 40ms);
  EXPECT_EQ(rtt.probe_timeout(), 40ms + 4 * 20ms);
}

TEST(Rtt, SmoothsLikeRfc9002) {
  RttEstimator rtt;
  rtt.on_sample(40ms);
  rtt.on_sample(80ms);
  // Variation 3/4 x 20 + 1/4 x 40 = 25, smoothed 7/8 x 40 + 1/8 x 80 = 45.
  EXPECT_EQ(rtt.smoothed(), 45ms);
  EXPECT_EQ(rtt.latest(), 80ms);
  EXPECT_EQ(rtt.probe_timeout(), 145ms);
  rtt.on_sample(5ms);
  // Variation 3/4 x 25 + 1/4 x 40 = 28.75, smoothed 7/8 x 45 + 1/8 x 5 = 40.
  EXPECT_EQ(rtt.smoothed(), 40ms);
  EXPECT_EQ(rtt.probe_timeout(), 155ms);
}

TEST(Rtt, ConvergesToASteadyRoundTrip) {
  RttEstimator rtt;
  rtt.on_sample(500ms);
  for (int i = 0; i < 200; ++i) rtt.on_sample(10ms);
  EXPECT_NEAR(std::chrono::duration<double>(rtt.smoothed()).count(), 0.010, 1e-6);
  // The variation has gone, the granularity of timers stays.
  EXPECT_NEAR(std::chrono::duration<double>(rtt.probe_timeout()).count(), 0.011, 1e-5);
}

TEST(Rtt, TakesNothingForTheLeastThatThereIs) {
  RttEstimator rtt;
  rtt.on_sample(0ns);
  EXPECT_TRUE(rtt.has_sample());
  EXPECT_GT(rtt.latest(), 0ns);
  rtt.on_sample(-5ms);
  EXPECT_GT(rtt.smoothed(), 0ns);
}

}  // namespace
}  // namespace rgtp::packet
